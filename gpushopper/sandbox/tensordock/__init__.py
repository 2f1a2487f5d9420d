"""TensorDock's API v2 as a dialect of the sandbox: its wire format, its supply and its quirks (tensordock.md).

The defaults are a calm market; what goes wrong there in reality is a fault word. Not here: the marketplace API v0.
"""

from gpushopper.sandbox.tensordock.dialect import TENSORDOCK

__all__ = ["TENSORDOCK"]
