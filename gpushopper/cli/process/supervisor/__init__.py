"""The service manager that keeps the daemon running: systemd's user manager, or launchd; its unit, and how it is asked.

Not here: what the daemon tells it (`daemon/supervision/`), and a daemon that nobody supervises
(`cli/process/daemon_process.py`).
"""
