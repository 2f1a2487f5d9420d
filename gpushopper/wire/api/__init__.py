"""The local API as data: the table of its routes, the queries they take, what the daemon says of itself.

Not here: what a route does (`daemon/api/routes/`), how it is requested (`client/`).
"""
