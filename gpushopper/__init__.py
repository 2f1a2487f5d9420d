"""Rent GPUs from several marketplaces safely."""

__version__ = "0.1.0"
