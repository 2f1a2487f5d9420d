"""Rent GPUs from several marketplaces safely."""

__version__ = "0.2.0"
