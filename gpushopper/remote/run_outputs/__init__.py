"""Outputs of runs, fetched over ssh before their instance is gone (ends.md E8).

Not here: where they are kept (`gpushopper/kept_runs.py`), and when they are fetched (`engine/account/watching/`).
"""
