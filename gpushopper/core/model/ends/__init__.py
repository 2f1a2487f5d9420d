"""Ends before the deadline, as values: what a session allows, what an instance reports of its use.

Values only: the rules are in `core/lifecycle/ends/`, the parsing in `remote/`.
"""
