"""The database schema: tables, column types, triggers, migrations, and the upgrade from an older schema."""
