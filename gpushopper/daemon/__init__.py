"""One process per home: holds the lock, runs the engine and its jobs, answers on a Unix socket."""
