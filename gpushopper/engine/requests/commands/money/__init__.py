"""Requests about money that change something: whom sessions are charged to, and rollups made anew.

Not here: what renting may cost (`core/spending/`), and what was spent (`queries/money/`).
"""
