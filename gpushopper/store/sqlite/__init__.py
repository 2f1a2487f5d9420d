"""SQLite and the file system under the database: errors, statements, the folder, backups, space kept for a full disk.

Not here: what the tables are (`store/schema/`) and hold (`store/`).
"""
