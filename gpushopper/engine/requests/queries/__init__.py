"""Queries: requests that only read: sessions, costs, accounts, events, offers, plans, audit, logs, ssh connection.

They run on the API's threads and may wait for a provider. Not here: requests that change something
(`engine/requests/commands/`).
"""
