"""Money as stored beside the ledger: budgets, and what they count.

Not here: the ledger itself (`store/ledger.py`), and the rules (`core/spending/`).
"""
