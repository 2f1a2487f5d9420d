"""Time as values: a reading of all clocks, deadlines, and lengths of time as text.

Not here: reading a clock (`gpushopper.clock`), and how often something is done (`core/policy.py`).
"""
