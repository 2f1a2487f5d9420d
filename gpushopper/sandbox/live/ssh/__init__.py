"""The ssh server of a live instance."""
