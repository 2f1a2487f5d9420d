"""The header `X-Sandbox-Transport`: how an application has its transport break a reply (hang, reset, drip, delay).

The WSGI applications never block and never break a connection: they answer at once and add
`X-Sandbox-Transport: WORD[=ARG]`. The transport that carries the reply does it. Over TCP, `faulty_server.py`
breaks the connection and removes the header; an in-process transport raises the matching error at the simulated time.

| value | meaning for the caller |
|---|---|
| `hang` | connected, then no byte of a reply, ever |
| `blackhole` | packets vanish: not even a connection (TCP: as `hang`, a server cannot refuse to connect) |
| `dns` | the name does not resolve (TCP: as `reset`) |
| `offline` | connection refused (TCP: as `reset`) |
| `reset` | the connection is closed with RST before any byte of the reply |
| `drip` | the reply comes one byte a second |
| `huge=MB` | the reply is followed by blanks up to this many megabytes |
| `delay=SECONDS` | the reply is complete but comes this much later |

Whether the request took effect depends on the fault word, not on the header: `commit_then_hang` and `drip`
act first, the network words `hang`, `blackhole`, `dns`, `offline` and `reset` do not act at all.
A caller must treat the status and body beside `hang`, `blackhole`, `dns`, `offline` and `reset` as never
received.
"""

from __future__ import annotations

HEADER = "X-Sandbox-Transport"

LOST = frozenset({"hang", "blackhole", "dns", "offline", "reset"})
"""Words after which the caller receives nothing."""


def read_header(value: str) -> tuple[str, float]:
    """Split `huge=500` into its word and number; the number is 0 when absent."""
    word, _, arg = value.partition("=")
    return word, float(arg or 0)
