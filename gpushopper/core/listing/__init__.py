"""The rules for a list of an account: reconciliation, ownership, missing instances, circuit breaker, poll interval.

Not here: what one row means for its attempt (`core/lifecycle/sightings.py`).
"""
