"""Set up this computer: `keys`, `config`, `ssh-config`, `daemon`.

Not here: how a daemon is started and stopped (`cli/process/daemon_process.py`).
"""
