"""Everything that must survive a restart: one SQLite file, one writer, optimistic locking. One file per table."""
