"""The endpoints of the simulated Vast API, one file per group, each with the faults of its own calls."""
