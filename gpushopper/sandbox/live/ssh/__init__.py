"""The ssh server of a live instance: which keys may log in, and the sessions (shell, command, sftp) inside.

Not here: the ssh of the product itself (`gpushopper/remote/`).
"""
