"""`wait`: commands that follow sessions until something is so. They change nothing.

Not here: waiting that belongs to a command which changes something (`rent/provision.py`, `sessions/ending.py`).
"""
