"""Whether the daemon's loops still turn, and what a supervisor such as systemd is told of it.

Not here: how a unit is installed (`cli/process/`), and what each job does (`daemon/run.py`).
"""
