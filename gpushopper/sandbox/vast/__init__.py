"""The simulated Vast.ai API (dialect): routes, request bodies, JSON rows, error replies (vastai.md).

Not here: the market behind it (`sandbox/market/`), what all dialects share (`sandbox/requests/`), and the adapter that
calls it (`providers/vast/`).
"""

from gpushopper.sandbox.vast.dialect import VAST

__all__ = ["VAST"]
