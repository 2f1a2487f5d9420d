"""Backups of the records: put back by a person, or in the place of a damaged database (D12).

Making them is `store/sqlite/backups.py`.
"""
