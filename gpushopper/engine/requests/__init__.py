"""Requests of users, answered on the API's threads: `commands/` change something, `queries/` only read.

Here stands what both need: which session is meant, how long it may last, how it is shown, what is refused and why.
Not here: acting on a provider (`engine/account/`), HTTP (`gpushopper.daemon.api`).
"""
