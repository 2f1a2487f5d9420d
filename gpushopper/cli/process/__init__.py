"""Child processes on this computer: spawn and stop the daemon and the sandbox, clean up after a demo; home folders.

Not here: requests to a running daemon (`gpushopper.client`), and ssh processes (`cli/remote/`).
"""
