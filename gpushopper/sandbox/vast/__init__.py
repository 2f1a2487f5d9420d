"""The simulated Vast.ai API (dialect): routes, request bodies, JSON rows, error replies (vastai.md).

Not here: the market behind it (`sandbox/market/`), and the adapter that calls it (`providers/vast/`).
"""

from gpushopper.sandbox.vast.app import create_app

__all__ = ["create_app"]
