"""How ends of sessions are printed: what happens before one."""
