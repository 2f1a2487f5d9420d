"""Everything that must survive: one SQLite file, one writer, guarded changes."""
