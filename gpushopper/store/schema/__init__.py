"""The database schema: tables, column types, triggers, migrations, and the upgrade from an older schema.

Not here: reading and writing rows (the modules of `store/`), and SQLite itself (`store/sqlite/`).
"""
