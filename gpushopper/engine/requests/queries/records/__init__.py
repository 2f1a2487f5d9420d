"""What was done, for a reader long after: what hosts were given, and the report of a session.

Not here: the history as it happens (`queries/events.py`), and sums of costs (`queries/money/`).
"""
