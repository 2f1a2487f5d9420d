"""A lab server: the API for members of one group, beside the owner's; who calls, what they may, what they are shown.

The row of each route says who may call it (`wire/api/routes.py`); `daemon/api/dispatch.py` asks here before a handler
sees the request, and again before its answer leaves. Not here: the settings (`config/`), and what handlers do.
"""
