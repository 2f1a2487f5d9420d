"""Vast.ai (wire facts: vastai.md). The only code that knows its paths, words and shapes."""

from gpushopper.providers.vast.adapter import Vast, connect

__all__ = ["Vast", "connect"]
