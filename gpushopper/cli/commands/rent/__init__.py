"""Find an offer and rent it: `inventory`, `plan`, `provision`.

Not here: the tables of offers and the text of a plan (`cli/output/`), the set-up of a new instance
(`cli/remote/session_setup.py`), the choice of the offer (`engine/requests/queries/`).
"""
