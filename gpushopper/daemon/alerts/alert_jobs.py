"""One-shot jobs `notify-add` and `notify-rm`: a channel's settings into config.toml, its address where keys are."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from gpushopper import config, toml_text
from gpushopper.config import ACCOUNT_NAME, CHANNEL_NAME_RULE
from gpushopper.config.alert_channels import ChannelKind, as_command
from gpushopper.config.value_forms import Invalid
from gpushopper.core.alerts.alert import KINDS, TOPICS, unknown_words
from gpushopper.core.secret import Secret
from gpushopper.daemon.alerts.alert_sender import keyring_limit_s
from gpushopper.errors import Misconfigured, NotFound, UsageError
from gpushopper.notify.address import check_address
from gpushopper.notify.signature import check_key, new_key
from gpushopper.paths import Home
from gpushopper.private_files import FOLDER_MODE, changing, write_private
from gpushopper.secrets import AlertTarget, remove_target, store_target
from gpushopper.store.sqlite.database_files import file_error

JobResult = dict[str, Any]

_SECTION = "alerts"
_MOST_INPUT = 10_000
MOST_CHANNELS = 20


def add(home: Home, arguments: Sequence[str]) -> JobResult:
    """`NAME KIND TOPICS [file]`, with `address`, `key` and `command` as JSON on stdin; replaces one of that name.

    Raises:
        UsageError: what was given cannot be a channel.
        KeyringUnusable: the keyring cannot take its address.
    """
    name, kind_text, topics, *more = arguments
    kind = ChannelKind(kind_text)
    given = json.loads(sys.stdin.read(_MOST_INPUT) or "{}")
    _check(home, name, topics)
    command = _read_command(name, given) if kind is ChannelKind.COMMAND else None
    source, key = "", ""
    if kind.has_address:
        target, key = _read_target(kind, given)
        limit_s = None if "file" in more else keyring_limit_s(home)
        try:
            source = store_target(home, name, target, limit_s)
        except OSError as error:
            raise file_error(home.key_file, error) from error
    else:
        _forget_address(home, name)
    _write(home, name, {"kind": kind.value, "on": topics, "command": command})
    return {"channel": name, "kind": kind.value, "on": topics.split(","), "source": source, "signing_key": key}


def remove(home: Home, arguments: Sequence[str]) -> JobResult:
    """Remove a channel's settings, and its address wherever it is.

    Raises:
        NotFound: there is no such channel.
    """
    (name,) = arguments
    if name not in config.load(home).alerts:
        raise NotFound(f"there is no channel {name}", "see: gpu-shopper notify ls")
    warning = _forget_address(home, name)
    _write(home, name, None)
    return {"channel": name, "removed": True, "warning": warning}


def _forget_address(home: Home, name: str) -> str:
    """Remove the address of a channel that has one; a warning where it may still be stored."""
    channel = config.load(home).alerts.get(name)
    if channel is None or channel.kind is None or not channel.kind.has_address:
        return ""
    try:
        return remove_target(home, name, keyring_limit_s(home))
    except OSError as error:
        raise file_error(home.key_file, error) from error


def _check(home: Home, name: str, topics: str) -> None:
    if not ACCOUNT_NAME.fullmatch(name):
        raise UsageError(CHANNEL_NAME_RULE)
    if wrong := unknown_words(topics.split(",")):
        known = f"topics: {', '.join(TOPICS)}; kinds of alarm: {', '.join(sorted(KINDS))}"
        raise UsageError(f"{wrong[0]!r} is no topic of alerts", known)
    there = config.load(home).alerts
    if name not in there and len(there) >= MOST_CHANNELS:
        raise UsageError(f"there are {MOST_CHANNELS} channels already", "remove one: gpu-shopper notify rm NAME")


def _read_target(kind: ChannelKind, given: Mapping[str, Any]) -> tuple[AlertTarget, str]:
    """The target, and the signing key where one was made."""
    try:
        address = check_address(str(given.get("address", "")))
        key, made = str(given.get("key", "")).strip(), ""
        if kind is ChannelKind.WEBHOOK:
            made = "" if key else new_key()
            key = made or check_key(key)
    except ValueError as wrong:
        raise UsageError(str(wrong)) from None
    return AlertTarget(Secret(address), Secret(key) if key else None), made


def _read_command(name: str, given: Mapping[str, Any]) -> str:
    """The command as one text, as the settings hold it."""
    text = shlex.join(str(word) for word in given.get("command") or [])
    try:
        as_command(text)
    except Invalid:
        hint = f"run: gpu-shopper notify add {name} --kind command -- /path/of/the/program"
        raise UsageError("a command is a line that begins with the whole path of a program", hint) from None
    return text


def _write(home: Home, name: str, fields: Mapping[str, str | None] | None) -> None:
    """Set or remove `[alerts.NAME]` in config.toml; all else in it stays, byte by byte."""
    path = home.config_file.resolve()  # a link to it stays one
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    try:
        with changing(path):
            text = path.read_text("utf-8") if path.exists() else ""
            table = (_SECTION, name)
            new = toml_text.remove_table(text, table)
            if fields is not None:
                new = toml_text.set_table(new, table, fields, before="")
            if not _is_right(text, new, name, fields):
                raise Misconfigured(f"{path} is written in a form that can only be changed by hand")
            write_private(path, new)
    except OSError as error:
        raise file_error(path, error) from error


def _is_right(text: str, new: str, name: str, fields: Mapping[str, str | None] | None) -> bool:
    """Whether the new text parses to what was there with this one change."""
    expected = tomllib.loads(text)
    channels = expected.setdefault(_SECTION, {})
    channels.pop(name, None)
    if fields is not None:
        channels[name] = {key: value for key, value in fields.items() if value is not None}
    if not channels:
        expected.pop(_SECTION)
    try:
        return tomllib.loads(new) == expected
    except tomllib.TOMLDecodeError:
        return False
