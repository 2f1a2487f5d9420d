"""SQLite and the files under the database: error mapping, running SQL, file modes, backups, the disk reserve.

Not here: what the tables are (`store/schema/`) and hold (`store/`).
"""
