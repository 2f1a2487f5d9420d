"""Requests that record what is done outside the daemon: what commands send to instances."""
