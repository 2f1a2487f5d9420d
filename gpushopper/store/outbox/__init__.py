"""Alerts on their way: one row for each event and channel, and how far the events have become alerts.

Not here: which events those are, and when one is tried again (`core/alerts/`).
"""
