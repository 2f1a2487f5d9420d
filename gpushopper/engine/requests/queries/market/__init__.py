"""What can be rented, over all accounts: the search, the inventory, and the plan of a rental.

Not here: which offer is tried when (`core/lifecycle/failover.py`), and writing the session (`requests/commands/`).
"""
