"""Faults that can be set on the practice market: their types, which are set, and seeded random ones."""
