"""The reconciler of one account and its parts: list, compare, create, destroy, log in; all on the engine's thread.

Not here: what the answers mean (`gpushopper.core`), and requests of users (`engine/commands/`, `engine/queries/`).
"""
