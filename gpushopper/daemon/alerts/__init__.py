"""Channels of alerts in the daemon: the user's settings as they change, what sends over each, and `notify add`, `rm`.

Not here: the job that decides what is sent and when (`engine/alerts/`), and how it is sent (`notify/`).
"""
