"""The audit log's file: the job that writes what the database has recorded of acts into it.

Not here: which events are acts and how lines are chained (`core/audit_chain.py`), and how it is shown and checked
(`cli/commands/money_and_safety/audit_log.py`).
"""
