"""ssh to a session's instance from the command line: log in, start and follow runs, set up, copy files.

Not here: the daemon's own probes over ssh (`gpushopper.remote`), and the commands with their options
(`cli/commands/use/`).
"""
