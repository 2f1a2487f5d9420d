"""What instances may do and have reported: runs that may end them, and the history of their heartbeats."""
