"""Requests that only read: sessions, costs, offers, the audit, logs, the way to an instance.

They run on the API's threads and may wait for a cloud. Not here: requests that change something (`engine/commands/`).
"""
