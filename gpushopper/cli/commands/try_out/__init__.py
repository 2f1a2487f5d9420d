"""Try it without an account: `demo`, and `sandbox` for the simulated clouds.

Not here: how the sandbox is spawned (`cli/process/sandbox_process.py`); the sandbox itself is `gpushopper.sandbox`.
"""
