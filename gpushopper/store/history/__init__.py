"""Counts over all that is recorded, of open and closed attempts: what metrics are made of.

Not here: costs by time (`store/money/`) and what a single session has been through (`store/events.py`).
"""
