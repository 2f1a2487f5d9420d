"""The program of the keyring's child process: answers one get, set or delete. `keyring_entries` starts and kills it.

`python -m gpushopper.secrets.keyring_child`. A keyring may block for ever (F105), and a blocked thread cannot be ended.
Its libraries cost 75 ms and 10 MB, which only this process pays. Request and answer are JSON on stdin and stdout; no
key is ever an argument (I21).
"""

from __future__ import annotations

import configparser
import importlib
import json
import os
import signal
import sys
from contextlib import closing
from typing import Any

from gpushopper.core_dumps import forbid_core_dumps

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
TRUSTED = {
    SECRET_SERVICE: "Secret Service",
    "keyring.backends.libsecret.Keyring": "libsecret",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet 4",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
}
"""The backends that encrypt. Plain files, null and backends of other packages are never used (F106)."""

Answer = dict[str, Any]


def main() -> int:
    """Answer the request on stdin; the last line on stdout counts."""
    forbid_core_dumps()
    request = json.loads(sys.stdin.readline())
    # The parent may be killed before it can kill this process.
    signal.alarm(int(request["limit_s"]) + 5)
    try:
        _print(answer(request))
    except Exception as error:  # noqa: BLE001 - a keyring's library may raise anything; its text may contain the secret, so only its name is kept
        _print(_failure(error))
    return 0


def _print(found: Answer) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def answer(request: Answer) -> Answer:
    """Carry out the request with the best of the trusted keyrings here: `get`, `set`, `delete`, or `look` at none."""
    chosen, reason = choose()
    if chosen is None:
        return reason
    name, keyring = chosen
    found = {"state": "ok", "backend": TRUSTED[name]}
    if request["verb"] == "look":
        return {**found, "lock": _lock_state() if name == SECRET_SERVICE else ""}
    if name == SECRET_SERVICE:
        lock = _lock_state()
        if lock == "locked" and not request["may_prompt"]:
            return {**found, "state": "locked"}
        if lock == "empty" and request["verb"] != "set":
            return {**found, "keys": {}, "removed": False}  # the library would create one, and prompt for a password
        if lock != "open":
            _print({**found, "state": "locked"})  # the result if its prompt is never answered
    else:
        _print({**found, "state": "locked"})  # there is no call to ask whether it is; it shows its prompt, and blocks
    match request["verb"]:
        case "get":
            keys = {user: keyring.get_password(request["service"], user) for user in request["users"]}
            return {**found, "keys": {user: key for user, key in keys.items() if key is not None}}
        case "set":
            keyring.set_password(request["service"], request["users"][0], request["secret"])
            kept = keyring.get_password(request["service"], request["users"][0]) == request["secret"]
            return found if kept else {**found, "state": "failed", "reason": "it did not keep what it was given"}
        case _:
            had = keyring.get_password(request["service"], request["users"][0]) is not None
            if had:
                keyring.delete_password(request["service"], request["users"][0])
            return {**found, "removed": had}


def choose() -> tuple[tuple[str, Any] | None, Answer]:
    """The best trusted keyring, or why there is none; a setting may only choose among the trusted ones (I21)."""
    setting, wanted = configured()
    if wanted and wanted not in TRUSTED:
        return None, {"state": "refused", "setting": setting, "wanted": wanted}
    ready = []
    for name in [wanted] if wanted else TRUSTED:
        module, _, cls = name.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), cls)
            ready.append((float(kind.priority), name, kind))
        except Exception:  # noqa: BLE001 - each backend raises another exception where it cannot work
            continue
    if not ready:
        return None, {"state": "absent"}
    _, name, kind = max(ready, key=lambda each: each[0])
    return (name, kind()), {}


def configured() -> tuple[str, str]:
    """The setting of the keyring library that names a backend, and the backend; empty texts if none does.

    The library's chainer means "any backend", as without a setting. The setting `keyring-path`, from where the library
    would load code, is ignored.
    """
    setting, wanted = "PYTHON_KEYRING_BACKEND", os.environ.get("PYTHON_KEYRING_BACKEND", "").strip()
    if not wanted:
        from keyring.util import platform_

        file = os.path.join(platform_.config_root(), "keyringrc.cfg")
        settings = configparser.RawConfigParser()
        settings.read(file, encoding="utf-8")
        setting, wanted = file, settings.get("backend", "default-keyring", fallback="").strip()
    return ("", "") if wanted == "keyring.backends.chainer.ChainerBackend" else (setting, wanted)


def _lock_state() -> str:
    """`open`, `locked`, or `empty` when there is no keyring yet; the library itself would prompt at once."""
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        try:
            found = secretstorage.get_collection_by_alias(bus, "default")
        except secretstorage.ItemNotFoundException:
            return "empty"
        return "locked" if found.is_locked() else "open"


LOCKED = {"KeyringLocked", "LockedException", "PromptDismissedException", "InitError"}
GONE = {"SecretServiceNotAvailableException", "NoKeyringError", "ConnectionResetError", "ConnectionRefusedError"}


def _failure(error: Exception) -> Answer:
    kind = type(error).__name__
    if kind in LOCKED:
        return {"state": "locked", "backend": TRUSTED[SECRET_SERVICE]}
    return {"state": "absent"} if kind in GONE else {"state": "failed", "reason": kind}


if __name__ == "__main__":
    code = main()
    os._exit(code)  # without waiting for the library's threads and connections
