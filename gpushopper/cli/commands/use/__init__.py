"""Work on a session's instance: `ssh`, `cp`, `run`, `logs`.

Not here: the way to the instance and all that happens on it (`cli/remote/`).
"""
