"""Money that is decided inside transactions: what counts against budgets and limits, and whether one more fits.

Not here: the rules (`core/spending/`), and what budgets do as time passes (`engine/budget_job.py`).
"""
