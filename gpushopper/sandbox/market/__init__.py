"""The simulated market: offers, accounts, instances, their billing and their life cycle, on one clock.

It knows no cloud's wire format (`sandbox/vast/`) and no process (`sandbox/live/`).
"""
