"""Vast.ai's wire dialect as a WSGI application (vastai.md)."""

from gpushopper.sandbox.vast.app import create_app

__all__ = ["create_app"]
