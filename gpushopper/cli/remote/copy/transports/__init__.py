"""The transports of `cp`: rsync, sftp, and tar over ssh. Each has `transfer_files(transfer)` for one job.

Not here: which transport is used, and in which order they are tried (`cli/remote/copy/transport_choice.py`); which
path goes where (`planning`); the moves into place afterwards.
"""
