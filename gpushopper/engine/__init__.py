"""The engine: what is rented, watched and ended, on one thread; requests and jobs reach it through rows.

`engine.py` drives one reconciler per account (`account/`). `requests/` answers commands and queries on the API's
threads. The modules beside them are what several of these share. Not here: rules (`core/`), HTTP (`daemon/api/`).
"""
