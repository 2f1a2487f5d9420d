"""Commands about what a session brings home before its end: told by its user, or changed in place (ends.md E7)."""
