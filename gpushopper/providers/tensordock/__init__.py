"""The adapter for TensorDock, API v2: the only code that knows its paths, fields, status words and replies.

The facts about its API are cited as "tensordock.md" with their section.
"""

from gpushopper.providers.tensordock.adapter import TensorDock
from gpushopper.providers.tensordock.connection import connect
from gpushopper.providers.tensordock.traits import TRAITS

__all__ = ["TRAITS", "TensorDock", "connect"]
