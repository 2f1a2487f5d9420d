"""How an answer is printed: tables, JSON, live progress, and the views of a session, a receipt, a plan.

Nothing here sends a request that changes anything. Not here: how an error becomes an exit status
(`cli/error_report.py`), and progress of a copy (`cli/remote/copy/progress_bar.py`).
"""
