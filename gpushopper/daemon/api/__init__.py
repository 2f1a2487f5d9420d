"""The local HTTP API: socket, connections, requests in, JSON out. One file per noun in `routes/`.

Not here: what a request does (`engine/commands/`, `engine/queries/`).
"""
