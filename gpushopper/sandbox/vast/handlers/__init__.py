"""The endpoints of Vast's API, one file per group."""
