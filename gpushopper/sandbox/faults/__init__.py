"""Faults that can be injected into the simulated clouds: their types, the table of set faults, seeded random ones.

Not here: what a fault does (`sandbox/requests/`, the dialects, `sandbox/live/host_faults.py`), and the command
(`sandbox fault`).
"""
