"""Find an offer and rent it: `inventory`, `plan`, `provision`.

Not here: the tables of offers and the words of a plan (`cli/output/`), the set-up on a fresh instance
(`cli/remote/session_setup.py`), the choice of the offer itself (the engine's).
"""
