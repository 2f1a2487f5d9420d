"""Work on a session's instance over the user's OpenSSH: log in, run, follow, set up, copy.

Not here: how the daemon itself reaches an instance (`gpushopper.remote`), and the commands (`cli/commands/use/`).
"""
