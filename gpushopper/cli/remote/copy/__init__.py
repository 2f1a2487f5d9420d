"""`cp`: plan which path goes where, choose a transport (rsync, sftp or tar), transfer the files, move them into place.

Every file is first written into a part folder beside its target (`.NAME.gs-part-...`) and moved into place when the
whole copy is complete, so that no cut-off file ever has its final name. The name of the part folder depends only on
what is copied: the same command finds it again and resumes. Folders and links are made by this package, not by the
transport, so that the result does not depend on the transport.

Not here: the options and the output of `cp` (`cli/commands/use/cp.py`).
"""
