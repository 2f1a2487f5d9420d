"""Requests that change something: checked, then committed as rows; the reconcilers carry them out.

They run on the API's threads. Not here: requests that only read (`engine/queries/`).
"""
