"""Copies to and from an instance: one plan decides what goes where, then rsync, sftp or tar carries the files.

Every file is first written into a part folder beside its target (`.NAME.gs-part-...`) and moved into place when the
whole copy has arrived, so that no cut-off file ever bears its final name. The name of the part folder depends on what
is copied alone: the same command finds it again and goes on. Folders and links are made by this package, never by the
carrier, so that the result is the same whichever carries the files.

Not here: the options and the answer of `cp` (`cli/commands/use/cp.py`).
"""
