"""`daemon purge`: whether this home may be removed, and the removal of all that is ours in it.

Not here: who stops the daemon first, and what is asked before (`cli/commands/upkeep/purge.py`).
"""
