"""Parsing what a user types: shared options, durations, session names, `--` commands; and the prompts.

Also the click classes of all commands. Not here: options of one command only (in its own file), and checks that the
daemon makes for every client.
"""
