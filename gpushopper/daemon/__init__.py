"""The daemon process of one home: lock, start and stop, engine thread, periodic jobs, local API on a Unix socket."""
