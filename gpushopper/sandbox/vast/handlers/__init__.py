"""The endpoints of the simulated Vast API, one file per group, each with the faults of its own calls.

Not here: faults of every call, and the order of all checks (`sandbox/requests/middleware.py`).
"""
