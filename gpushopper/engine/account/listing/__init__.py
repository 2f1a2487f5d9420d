"""The list of an account: polling it, comparing it with the recorded state, and reading by id what it lacks.

Not here: what a sighting or an absence means (`gpushopper.core.listing`, `gpushopper.core.lifecycle`).
"""
