"""Rules for ends before the deadline: what allows one, what was heard, what is concluded, what is watched (ends.md)."""
