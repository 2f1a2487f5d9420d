"""The local HTTP API: socket, connections, request validation, responses. One file per noun in `routes/`.

Not here: what a request does (`engine/requests/commands/`, `engine/requests/queries/`).
"""
