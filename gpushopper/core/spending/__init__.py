"""The rules about money: what an attempt has cost and can still cost, and whether another may be rented."""
