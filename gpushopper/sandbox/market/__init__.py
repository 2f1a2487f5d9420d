"""The simulated market: offers, accounts, instances, what they cost, and how they change as time passes.

It knows no cloud's wire format (`sandbox/vast/`) and no process (`sandbox/live/`).
"""
