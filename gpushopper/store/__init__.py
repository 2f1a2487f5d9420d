"""Everything that must survive a restart: one SQLite file, one writer, optimistic locking. One file per table.

Not here: when rows change and why (`engine/`, `core/`), and the text of the tables (`store/schema/`).
"""
