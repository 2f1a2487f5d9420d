"""Look, decide, apply: the only actor for every account, in one thread (architecture 5, 6)."""
