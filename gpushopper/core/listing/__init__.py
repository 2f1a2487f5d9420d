"""The rules for a whole list of an account: whose each instance is, what is missing, and when to list again.

Not here: what one row means for its attempt (`core/lifecycle/sightings.py`).
"""
