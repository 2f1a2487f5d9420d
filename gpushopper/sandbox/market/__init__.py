"""The simulated market: offers, accounts, instances, their billing and their life cycle, on one clock.

Not here: a cloud's wire format (its dialect), and the processes of live instances (`sandbox/live/`).
"""
