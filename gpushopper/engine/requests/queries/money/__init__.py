"""What sessions have cost over a span of time, by whom, where and on what, and what is still to come.

Not here: budgets (what may be spent), and the ledger's entries themselves (`store/ledger.py`).
"""
