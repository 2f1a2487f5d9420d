"""`cp`: plan which path goes where, choose a transport (rsync, sftp or tar), transfer the files, move them into place.

Read `copying.py` first. Not here: the options and the output of `cp` (`cli/commands/use/cp.py`).
"""
