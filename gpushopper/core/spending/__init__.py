"""The rules about money: what an attempt has cost and can still cost, and whether an offer may be rented."""
