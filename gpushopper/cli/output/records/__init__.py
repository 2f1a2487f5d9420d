"""Records as printed: what hosts were given, and the report of a session or a month.

Not here: receipts (`receipt_view.py`) and costs (`output/money/`).
"""
