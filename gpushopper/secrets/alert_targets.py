"""Where alerts of a channel are sent, and the key that signs them: in the key file or the keyring, like a cloud's key.

An address at Slack, Discord or ntfy is a key by itself: whoever has it can post there. In the key file:

    [alert.phone]
    address = "https://..."
    key = "..."                  signs (webhook) or is an access token (ntfy); may be missing
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.secrets.key_file import ALERT, read_alert_tables, unreadable
from gpushopper.secrets.key_file_changes import remove_alert, set_alert
from gpushopper.secrets.key_problems import KeyProblem, KeyUnreadable, NoKey
from gpushopper.secrets.keyring_entries import (
    FoundEntry,
    KeyringSource,
    KeyringUnusable,
    entry_name,
    remove_from_keyring,
    store_in_keyring,
)


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """An address, and the key beside it if there is one."""

    address: Secret
    key: Secret | None = None

    def redactions(self) -> tuple[str, ...]:
        """The texts to redact in logs."""
        return tuple(each.reveal() for each in (self.address, self.key) if each is not None)


def find_target(home: Home, name: str, keyring_limit_s: float | None) -> AlertTarget | KeyProblem:
    """The channel's target: from the key file, else the keyring; None as limit: there is no keyring to ask."""
    add = f"gpu-shopper notify add {name} --kind KIND"
    again = f"run: {add}"
    try:
        table = read_alert_tables(home.key_file).get(name)
    except Misconfigured as wrong:
        return unreadable(wrong, home.key_file)
    if table is not None:
        return _target(table) or KeyUnreadable(f"[{ALERT}.{name}] holds no address", again, f"file {home.key_file}")
    if keyring_limit_s is None:
        return NoKey(f"the address of the channel {name} is not stored", again)
    entry = _entry(name)
    found = KeyringSource({entry: entry_name(home, entry)}, keyring_limit_s).find(entry)
    match found:
        case None:
            return NoKey(f"the address of the channel {name} is not stored", again)
        case FoundEntry(secret, source):
            unpacked = _target(_unpacked(secret))
            return unpacked or KeyUnreadable(f"what is stored of the channel {name} is damaged", again, source)
        case problem:
            return replace(problem, hint=f"unlock it, or do without one: {add} --file")


def store_target(home: Home, name: str, target: AlertTarget, keyring_limit_s: float | None) -> str:
    """Store a channel's target in the keyring, or with None as limit in the key file; returns where it is.

    Raises:
        KeyringUnusable: the keyring cannot take it.
        Misconfigured, OSError: the key file cannot.
    """
    key = None if target.key is None else target.key.reveal()
    fields = {"address": target.address.reveal(), "key": key}
    if keyring_limit_s is None:
        set_alert(home.key_file, name, fields)
        return f"file {home.key_file}"
    try:
        source = store_in_keyring(home, _entry(name), Secret(json.dumps(fields)), keyring_limit_s)
    except KeyringUnusable as unusable:
        hint = f"do without one: gpu-shopper notify add {name} --kind KIND --file"
        raise KeyringUnusable(replace(unusable.problem, hint=hint)) from None
    remove_alert(home.key_file, name)  # one in the file would take precedence
    return source


def remove_target(home: Home, name: str, keyring_limit_s: float | None) -> str:
    """Remove it everywhere; a warning where a keyring that cannot be asked may hold it still."""
    was_in_file = remove_alert(home.key_file, name)
    if keyring_limit_s is None:
        return ""
    try:
        remove_from_keyring(home, _entry(name), keyring_limit_s, may_prompt=not was_in_file)
    except KeyringUnusable as unusable:
        return "" if was_in_file else f"{unusable.message}; the channel's address may still be in it"
    return ""


def _entry(name: str) -> str:
    return f"{ALERT}.{name}"


def _unpacked(secret: Secret) -> Mapping[str, Any]:
    try:
        found = json.loads(secret.reveal())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _target(fields: Mapping[str, Any]) -> AlertTarget | None:
    address, key = fields.get("address"), fields.get("key")
    if not isinstance(address, str) or not isinstance(key, str | None):
        return None
    return AlertTarget(Secret(address), Secret(key) if key else None)
