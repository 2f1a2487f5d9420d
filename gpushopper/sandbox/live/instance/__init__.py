"""One live instance from inside: its container (namespaces, PID 1), disk, replaced programs, running a program in it.

Not here: who starts and watches it (`sandbox/live/supervisor*.py`) and its ssh server (`sandbox/live/ssh/`).
"""
