"""Shell completion: scripts for bash, zsh and fish, made from the commands themselves; TAB starts no Python.

Names of sessions, offers, consumers, budgets, channels and accounts come from a file that the daemon keeps
(`daemon/completion_file.py`); paths and runs on an instance from itself, over the connection that is open. Nothing ever
asks a cloud. Not here: the texts of help.
"""
