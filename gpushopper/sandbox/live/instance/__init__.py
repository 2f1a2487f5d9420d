"""One live instance from inside: its container, disk, devices, programs, and how a process gets in.

Not here: who starts and watches it (`sandbox/live/supervisor*.py`) and its ssh server (`sandbox/live/ssh/`).
"""
