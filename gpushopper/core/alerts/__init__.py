"""Rules about alerts: which events a person is told of elsewhere, and what follows when a channel does not take one.

Not here: how one is sent (`notify/`), and what is shown here until it clears, which is an alarm (`core/alarms.py`).
"""
