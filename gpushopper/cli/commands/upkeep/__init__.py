"""Care of a home: `backup`, and `daemon purge`, which removes it.

Not here: how copies are made and put back (`store/sqlite/backups.py`, `daemon/backup/`), what is removed
(`daemon/purge/`).
"""
