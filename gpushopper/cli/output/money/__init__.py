"""Costs and consumers as printed: tables with bars, the forecast in sentences, CSV.

Not here: what was spent (the daemon computes it), and tables in general (`cli/output/tables.py`).
"""
