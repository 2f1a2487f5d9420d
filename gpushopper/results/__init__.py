"""Copying results home: what an instance lists and sends is hostile, and lands in a new folder here (ends.md E8).

Shared by the daemon, which pulls before an end, and the command line. Not here: how ssh is called.
"""
