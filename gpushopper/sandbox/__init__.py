"""The sandbox: simulated GPU clouds that speak the real wire formats, with a market, a clock, faults and a ledger.

How it is started: `__main__.py`; its control surface: `control.py`. Only the HTTP of the clouds and that surface are
used from outside. Not here: how the command line starts and stops it (`cli/process/sandbox_process.py`).
"""
