"""One create per attempt: when it is sent, what it carries, and what its result means."""
