"""`python -m gpushopper.secrets.keyring_child`: one question to the system's keyring, in a process that can be killed.

A keyring may wait for ever (F105), and a thread that waits for ever cannot be ended; its libraries cost 75 ms and 10 MB
that no other process of ours pays. Question and answer are JSON on stdin and stdout; no key is ever an argument (I21).
"""

from __future__ import annotations

import configparser
import importlib
import json
import os
import resource
import signal
import sys
from contextlib import closing
from typing import Any

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
TRUSTED = {
    SECRET_SERVICE: "Secret Service",
    "keyring.backends.libsecret.Keyring": "libsecret",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.kwallet.DBusKeyringKWallet4": "KWallet 4",
    "keyring.backends.macOS.Keyring": "macOS Keychain",
}
"""Every store that encrypts. Plain files, null and whatever a package brings are never used, whoever asks (F106)."""

Answer = dict[str, Any]


def main() -> int:
    """Answer the question on stdin; the last line on stdout counts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.loads(sys.stdin.readline())
    # Whoever asked may be killed before it can kill us.
    signal.alarm(int(asked["limit_s"]) + 5)
    try:
        _say(answer(asked))
    except Exception as error:  # noqa: BLE001 - whatever a keyring's library raises: its name says enough, its text may not be shown
        _say(_failure(error))
    return 0


def _say(found: Answer) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def answer(asked: Answer) -> Answer:
    """Do what is asked with the best of the trusted keyrings here: `get`, `set` or `delete`."""
    chosen, reason = choose()
    if chosen is None:
        return reason
    name, keyring = chosen
    found = {"state": "ok", "backend": TRUSTED[name]}
    if name == SECRET_SERVICE:
        lock = _look_at_lock()
        if lock == "locked" and not asked["may_prompt"]:
            return {**found, "state": "locked"}
        if lock == "empty" and asked["verb"] != "set":
            return {**found, "keys": {}, "removed": False}  # the library would make one, and ask for a password
        if lock != "open":
            _say({**found, "state": "locked"})  # this counts if its prompt is never answered
    else:
        _say({**found, "state": "locked"})  # whether it is cannot be asked: it shows its prompt, and waits
    match asked["verb"]:
        case "get":
            keys = {user: keyring.get_password(asked["service"], user) for user in asked["users"]}
            return {**found, "keys": {user: key for user, key in keys.items() if key is not None}}
        case "set":
            keyring.set_password(asked["service"], asked["users"][0], asked["secret"])
            kept = keyring.get_password(asked["service"], asked["users"][0]) == asked["secret"]
            return found if kept else {**found, "state": "failed", "reason": "it did not keep what it was given"}
        case _:
            had = keyring.get_password(asked["service"], asked["users"][0]) is not None
            if had:
                keyring.delete_password(asked["service"], asked["users"][0])
            return {**found, "removed": had}


def choose() -> tuple[tuple[str, Any] | None, Answer]:
    """The best trusted keyring, or why there is none; a setting may choose among them, and nothing else (I21)."""
    setting, wanted = configured()
    if wanted and wanted not in TRUSTED:
        return None, {"state": "refused", "setting": setting, "wanted": wanted}
    ready = []
    for name in [wanted] if wanted else TRUSTED:
        module, _, cls = name.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), cls)
            ready.append((float(kind.priority), name, kind))
        except Exception:  # noqa: BLE001 - how a keyring says that it cannot work here differs with each
            continue
    if not ready:
        return None, {"state": "absent"}
    _, name, kind = max(ready, key=lambda each: each[0])
    return (name, kind()), {}


def configured() -> tuple[str, str]:
    """Which setting of the keyring library names which backend; neither when none does.

    The library's chainer means "whatever there is", which is how we choose anyway. Its setting `keyring-path`, from
    where it would load code, is not followed.
    """
    setting, wanted = "PYTHON_KEYRING_BACKEND", os.environ.get("PYTHON_KEYRING_BACKEND", "").strip()
    if not wanted:
        from keyring.util import platform_

        file = os.path.join(platform_.config_root(), "keyringrc.cfg")
        settings = configparser.RawConfigParser()
        settings.read(file, encoding="utf-8")
        setting, wanted = file, settings.get("backend", "default-keyring", fallback="").strip()
    return ("", "") if wanted == "keyring.backends.chainer.ChainerBackend" else (setting, wanted)


def _look_at_lock() -> str:
    """`open`, `locked`, or `empty` when there is no keyring yet; the library would prompt without asking us."""
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
    os._exit(code)  # a library's threads and connections are not waited for
