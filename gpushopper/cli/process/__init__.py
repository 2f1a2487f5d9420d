"""Processes on this computer: the daemon, the practice market, what a demo leaves running; and their home folders.

Started, awaited, stopped, and replaced where they lack a key. Not here: what is asked of a running daemon
(`gpushopper.client`), and programs that reach an instance (`cli/remote/`).
"""
