"""The rules about clouds' own bills: what is compared with what, and which difference is meant."""
