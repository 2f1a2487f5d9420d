"""What every dialect's requests have in common: keys, faults, rate limits, recording, and the market they act on.

`Dialect` (`dialect.py`) is what a cloud adds to it; the dialects stand in one table (`sandbox/dialects.py`). Nothing
here names a cloud. Not here: a cloud's routes, bodies and error replies (its own folder in `sandbox/`).
"""
