"""The reconciler of one account and its parts: poll, compare, create, destroy, probe; all on the engine's thread.

Read `reconciler.py` first: its `step` calls the parts in order. Parts see their account through `part_interface.py`.
Not here: what the answers mean (`gpushopper.core`), and requests of users (`engine/requests/commands/`,
`engine/requests/queries/`).
"""
