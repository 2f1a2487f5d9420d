"""The rules about money: what an attempt has cost and can still cost, and whether an offer may be rented.

Not here: the stored entries (`store/ledger.py`), and money as a number (`core/model/money.py`).
"""
