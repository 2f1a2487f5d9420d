"""What is said to a rented instance, and how: the system's OpenSSH, a key per session, a pinned host per attempt."""
