"""Faults that can be injected into the simulated clouds: their types, the table of set faults, seeded random ones."""
