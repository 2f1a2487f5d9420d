"""What is said of a key that its cloud refuses: whose it is, where it is from, and what to do, which depends on that.

A key in the environment comes before a stored one (key_sources.py): `keys set` alone would change nothing.
"""

from __future__ import annotations

ENVIRONMENT = "environment "
_FILE = "file "


def place(source: str) -> str:
    """A source in words: `in the environment (VAST_API_KEY)`, `in the keyring (KWallet)`, `in FILE`; empty for none."""
    if source.startswith(ENVIRONMENT):
        return f"in the environment ({source.removeprefix(ENVIRONMENT)})"
    if source.startswith(_FILE):
        return f"in {source.removeprefix(_FILE)}"
    return f"in the {source}" if source else ""


def refusal(name: str, source: str) -> str:
    """`vast refuses the key in the keyring (KWallet)`; `name` is the account's."""
    return f"{name} refuses the key {place(source)}".rstrip()


def remedy(name: str, source: str) -> str:
    """How to replace it."""
    if source.startswith(ENVIRONMENT):
        variables = source.removeprefix(ENVIRONMENT)
        return f"it comes before a stored key: correct or unset {variables}, then: gpu-shopper daemon restart"
    return f"set a working key: gpu-shopper keys set {name}"
