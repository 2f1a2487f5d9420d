"""What is measured of the engine's calls.

Not here: the families of metrics that follow from it (`daemon/metrics/`).
"""
