"""Money as stored beside the ledger: rollups by day and month, tags, budgets and what they count.

Not here: the ledger itself (`store/ledger.py`), and the rules (`core/spending/`).
"""
