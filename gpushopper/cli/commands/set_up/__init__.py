"""Set up this computer: `keys` (API keys, registry logins), `config`, `ssh-config`, `daemon`.

Not here: how the daemon is spawned and stopped (`cli/process/daemon_process.py`).
"""
