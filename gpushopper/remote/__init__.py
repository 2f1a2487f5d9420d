"""What runs on an instance, and how we reach it (architecture 7, D7, D8, D15)."""
