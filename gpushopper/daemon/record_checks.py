"""What `doctor` says of the records: where they are, accounts that cannot be used and hold something, open alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpushopper import clouds
from gpushopper.paths import Home
from gpushopper.store.sqlite.database_files import file_system_of, is_network, read_mounts
from gpushopper.store.sqlite.read_only import Records, read_records

Check = dict[str, Any]
MOST_NAMED = 5
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def check_records(home: Home, keys: Sequence[Mapping[str, Any]]) -> list[Check]:
    """One check for each account where something may bill or whose cloud is gone, and one for the alarms.

    `keys` are the rows of `keys list`: an account without one is not configured any more.

    Raises:
        Misconfigured: the database cannot be read.
    """
    records = read_records(home.database)
    if records is None:
        return []
    states = {row["provider"]: row for row in keys}
    names = sorted({*records.accounts, *records.open_sessions})
    found = [_account(name, records, states.get(name)) for name in names]
    return [check for check in found if check is not None] + [_alarms(records.alarms)]


def check_file_system(home: Home, mounts: str | None = None) -> Check:
    """Whether the records are where they last (F69); `mounts` in place of this computer's table."""
    folder = home.data.resolve()
    kind = file_system_of(folder, read_mounts() if mounts is None else mounts)
    found = _check("file system", True, f"{kind or 'of an unknown type'}, {folder}")
    advice = "set GPU_SHOPPER_HOME to a folder on a disk of this computer"
    if kind in IN_MEMORY:
        text = f"{kind}: what is recorded of your sessions is gone when this computer restarts"
        return {**found, "optional": True, "text": text, "hint": advice}
    if is_network(kind):
        text = f"{kind}: slower, and gone while the network is; never use it from two computers at once"
        return {**found, "optional": True, "text": text, "hint": advice}
    return found


def _account(name: str, records: Records, key: Mapping[str, Any] | None) -> Check | None:
    cloud = records.accounts.get(name) or name
    is_known = clouds.find(cloud) is not None
    held = records.open_sessions.get(name, [])
    if key is not None and key["state"] == "ok":
        return None
    if not held:
        text = f"its cloud {cloud} is not known here any more; nothing recorded is open there"
        return None if is_known else _check(f"account {name}", True, text)
    look = f"look at {clouds.console_of(cloud)}" if is_known else f"look at {cloud}'s web page"
    if not is_known:
        why, hint = f"no installed package knows the cloud {cloud}", f"install its package again, and {look}"
    elif key is None:
        why, hint = "the configuration does not name it any more", f"put back [accounts.{name}], and {look}"
    else:
        why, hint = key["text"], f"{key['hint']}; until then, {look}"
    return _check(f"account {name}", False, f"{why}; may still bill: {_some(held)}", hint)


def _alarms(texts: Sequence[str]) -> Check:
    if not texts:
        return _check("alarms", True, "none")
    return _check("alarms", False, _some(texts, "; "), "see: gpu-shopper alarms")


def _some(texts: Sequence[str], separator: str = ", ") -> str:
    more = len(texts) - MOST_NAMED
    return separator.join(texts[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _check(name: str, ok: bool, text: str, hint: str = "") -> Check:
    return {"name": name, "ok": ok, "text": text, "hint": hint}
