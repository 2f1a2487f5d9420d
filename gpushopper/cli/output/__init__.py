"""How an answer looks: tables, JSON, text, live progress, the views of a session, a receipt, a plan.

Nothing here changes anything. Not here: how an error becomes an exit status (`cli/error_report.py`).
"""
