"""Time as values: a snapshot of all clocks, deadlines and the vote of the clocks, durations as text.

Not here: reading a clock (`gpushopper.clock`), and how often something is done (`core/policy.py`).
"""
