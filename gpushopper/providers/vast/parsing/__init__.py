"""How Vast's replies are parsed: offer and instance rows, field types, error replies, docker's pull errors.

Not here: what other clouds read alike (`providers/kit/`), which call is sent, and what its reply proves (the modules
above).
"""
