"""Work on a session's instance: `ssh`, `cp`, `code`, `jupyter`, `run`, `logs`.

Not here: the ssh connection, and the scripts that run on the instance (`cli/remote/`).
"""
