"""The daemon process of one home: lock, start and stop, engine thread, periodic jobs, local API on a Unix socket.

Not here: what is rented and ended (`engine/`), and how a command starts a daemon (`cli/process/`).
"""
