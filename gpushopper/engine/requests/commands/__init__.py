"""Commands: requests that change something (provision, end, extend, acknowledge), checked, then committed as rows.

They run on the API's threads; the reconcilers carry out what they commit. Not here: requests that only read
(`engine/requests/queries/`).
"""
