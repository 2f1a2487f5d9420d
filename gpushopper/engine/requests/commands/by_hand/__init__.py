"""Commands that rest on the word of a person who has looked at a cloud's console, and typed what stands there.

Not here: that word about a key (`commands/same_account.py`).
"""
