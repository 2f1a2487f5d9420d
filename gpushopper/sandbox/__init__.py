"""Simulated GPU clouds that speak the real wire formats."""
