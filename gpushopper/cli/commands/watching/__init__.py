"""`wait` and `top`: commands that follow sessions. They change nothing themselves: keys of `top` run other commands.

Not here: waiting that belongs to a command which changes something (`rent/provision.py`, `sessions/ending.py`).
"""
