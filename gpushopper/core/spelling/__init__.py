"""What clouds and people call the same thing: GPUs and regions, each with one canonical name.

Not here: the names of sessions (`core/model/session_names.py`).
"""
