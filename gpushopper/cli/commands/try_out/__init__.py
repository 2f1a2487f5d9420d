"""Try it without an account: `demo`, and `sandbox` for the practice market.

Not here: the market's process (`cli/process/sandbox_process.py`); the market itself is `gpushopper.sandbox`.
"""
