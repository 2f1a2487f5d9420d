"""`config get`, `set`, `unset`, `edit` and `path`: one setting of `config.toml`, or the file in an editor.

A change is checked before it is written: what could not be read back is refused, and the file stays as it was.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from gpushopper import clouds, config, toml_text
from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up.config import setting_rows
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.errors import Misconfigured, NotFound, UsageError
from gpushopper.private_files import FOLDER_MODE, changing, write_private

AT_START = ("brakes.", "daemon.", "metrics.", "money.", "policy.", "providers.", "accounts.")
"""Settings that a daemon reads when it starts; the others are read when they are needed."""
NEW = "the new text"
_LITERAL = re.compile(r"true|false|-?[0-9]+(\.[0-9]+)?")
_KEY = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
KEY = click.argument("key")


@click.command("get", cls=Command)
@KEY
@click.pass_obj
def get_key(app: App, key: str) -> None:
    """Print the value of one setting, from whichever source; an empty line if it is not set."""
    row = _row(app, key)
    if app.as_json:
        tables.document(app, key=row["key"], value=row["value"], origin=row["origin"])
    else:
        tables.out("" if row["shown"] == "-" else row["shown"])


@click.command("set", cls=Command)
@KEY
@click.argument("value")
@click.pass_obj
def set_key(app: App, key: str, value: str) -> None:
    """Set one setting in config.toml; everything else in it stays, comments included.

    For instance: config set defaults.provision.max_price 0.50
    """
    _refuse_a_key(key)
    if not value.isprintable() or not value.isascii():
        raise UsageError("a value is printable ASCII here", "write others with: gpu-shopper config edit")
    plain = value.lower() if value in ("True", "False") else value
    _change(app, key, *([plain] if _LITERAL.fullmatch(plain) else []), toml_text.quote(value))
    _report(app, key)


@click.command("unset", cls=Command)
@KEY
@click.pass_obj
def unset_key(app: App, key: str) -> None:
    """Remove one setting from config.toml: what is built in counts again."""
    if not any(fnmatchcase(key, known) for known in config.known_keys()):
        _row(app, key)  # there may be one of a similar name
    _change(app, key)
    _report(app, key)


@click.command("path", cls=Command)
@click.pass_obj
def path_file(app: App) -> None:
    """Print where config.toml is, whether or not it exists."""
    if app.as_json:
        tables.document(app, path=str(app.home.config_file), exists=app.home.config_file.exists())
    else:
        tables.out(str(app.home.config_file))


@click.command("edit", cls=Command)
@click.pass_obj
def edit_file(app: App) -> None:
    """Open config.toml in your editor ($VISUAL, $EDITOR); a faulty text is not stored, but opened again."""
    if not app.is_interactive():
        raise UsageError("not a terminal: use config set KEY VALUE", "see: gpu-shopper config set --help")
    path = _file(app)
    before = text = path.read_text("utf-8") if path.exists() else ""
    while True:
        new = click.edit(text, extension=".toml", require_save=True)
        if new is None or new == before:
            app.note("Nothing was changed.")
            return
        try:
            config.check(new, NEW)
            break
        except Misconfigured as fault:
            app.note(f"{fault.message}; {fault.hint}")
            click.confirm("Edit it again?", default=True, abort=True, err=True)
            text = new
    with changing(path):
        if (path.read_text("utf-8") if path.exists() else "") != before:
            raise Misconfigured(f"{path} has been changed meanwhile: nothing was stored", "edit it again")
        write_private(path, new)
    app.note(f"{path} is stored.")
    _note_restart(app, [*config.known_keys()])


def _change(app: App, key: str, *literals: str) -> None:
    """Set one key of the file to the first of the literals that can be read back; remove it where there are none.

    `4090` is a number where the key wants one, and a text where it wants that, such as the name of a GPU.

    Raises:
        Misconfigured: the key is unknown, the value malformed, or the file is written in an unusual form.
    """
    if not _KEY.fullmatch(key):
        raise UsageError("a key is words with dots between, such as brakes.dollars_per_hour", "see: gpu-shopper config")
    *table, name = key.split(".")
    path = _file(app)
    with changing(path):
        text = path.read_text("utf-8") if path.exists() else ""
        before = config.check(text, str(path))
        for literal in literals or (None,):
            new = toml_text.set_key(text, tuple(table), name, literal)
            try:
                after = _checked(new)
                break
            except UsageError:
                if literal in (None, literals[-1]):
                    raise
        is_there = after.origin(key) != "built in"
        if is_there is not bool(literals) or (before.origins.keys() ^ after.origins.keys()) - {key}:
            raise Misconfigured(
                f"{path} is written in a form that can only be changed by hand", "gpu-shopper config edit"
            )
        write_private(path, new)


def _checked(text: str) -> config.Config:
    """What the new text says; its faults are those of what was typed, not of a file."""
    try:
        return config.check(text, NEW)
    except Misconfigured as fault:
        close = fault.hint if fault.hint.startswith("did you mean") else "see: gpu-shopper config"
        hint = close if fault.code == "unknown_key" else "nothing was changed"
        raise UsageError(fault.message.replace(f" in {NEW}", ""), hint, code=fault.code) from None


def _file(app: App) -> Path:
    path = app.home.config_file.resolve()  # a link to it stays one
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    return path


def _refuse_a_key(key: str) -> None:
    """A cloud's key is no setting: it would be readable in a file that people show each other."""
    found = re.fullmatch(r"(?:providers\.|accounts\.)?(.+?)[-_.](?:api[-_])?(?:key|token)", key)
    if found is None:
        return
    for cloud in clouds.known().values():
        if found[1] in (cloud.name, re.sub(r"[^a-z]", "", cloud.title.lower())):  # vastai-key, as elsewhere
            hint = f"store it with: gpu-shopper keys set {cloud.name}"
            raise UsageError("a key is not kept with the settings", hint)


def _row(app: App, key: str) -> dict[str, Any]:
    rows = setting_rows(config.load(app.home, project_from=Path.cwd()))
    for row in rows:
        if row["key"] == key:
            return row
    from difflib import get_close_matches

    close = get_close_matches(key, [row["key"] for row in rows], n=1, cutoff=0.6)
    raise NotFound("there is no such setting", f"did you mean {close[0]}?" if close else "see: gpu-shopper config")


def _report(app: App, key: str) -> None:
    rows = {row["key"]: row for row in setting_rows(config.load(app.home, project_from=Path.cwd()))}
    row = rows.get(key, {"key": key, "value": None, "shown": "-", "origin": "built in"})
    if app.as_json:
        tables.document(app, key=row["key"], value=row["value"], origin=row["origin"])
    else:
        shown = "not set" if row["shown"] == "-" else f"{row['shown']} ({row['origin']})"
        tables.out(f"{key} is {shown}")
    _note_restart(app, [key])


def _note_restart(app: App, keys: list[str]) -> None:
    if any(key.startswith(AT_START) for key in keys) and app.client_without_start().is_up():
        app.note("The daemon reads it when it starts; to have it now: gpu-shopper daemon restart")
