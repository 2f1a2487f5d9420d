"""The simulated Vast.ai API (dialect): routes, request bodies, JSON rows, error replies (vastai.md)."""

from gpushopper.sandbox.vast.app import create_app

__all__ = ["create_app"]
