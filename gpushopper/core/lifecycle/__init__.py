"""The rules for one attempt: what time, a row of its cloud, a heartbeat or silence mean for it, and when it is gone.

Each takes values and returns actions. Not here: rules over a whole list of an account (`core/listing/`).
"""
