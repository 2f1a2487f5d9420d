"""Commands about results before an end: what their user has pulled (ends.md E7). What is pulled: `set_limits.py`."""
