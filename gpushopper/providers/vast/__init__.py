"""The adapter for Vast.ai: the only code that knows its paths, fields, status words and replies.

The facts about its API are cited as "vastai.md" with their section.
"""

from gpushopper.providers.vast.adapter import Vast
from gpushopper.providers.vast.connection import connect
from gpushopper.providers.vast.traits import TRAITS

__all__ = ["TRAITS", "Vast", "connect"]
