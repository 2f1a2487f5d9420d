"""The ways that bytes take in `cp`: rsync, SFTP, or a stream of tar; one of them carries a whole trip.

Not here: what is copied to where, decided before (`planning`), and the moves into place afterwards.
"""
