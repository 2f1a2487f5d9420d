"""One create per attempt: when it is sent, what it carries, and what its result means.

Not here: which offer is taken and when to fail over (`core/lifecycle/failover.py`), the request's body (`providers/`).
"""
