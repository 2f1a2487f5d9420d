"""The schema: tables, columns, triggers, the list of migrations, and the way from an older schema to the newest."""
