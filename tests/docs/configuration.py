"""Writes the tables of docs/configuration.md, below its mark, from the settings: `python -m tests.docs.configuration`.

The type is what an error says of a wrong value, and the variable is one that `load` was seen to read: neither is told
a second time here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from gpushopper import config
from gpushopper.cli.commands.set_up.config import _shown
from gpushopper.config.key_texts import about
from gpushopper.config.lab_server import MEMBERS, DaemonSettings
from gpushopper.config.value_forms import Invalid
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
MARK = "<!-- What follows is made from the settings by tests/docs/configuration.py. -->\n"
NAMES = {"providers": "vast", "accounts": "lab", "alerts": "team", "members": "anna"}
"""What stands for the name in a section of which there are several."""
HEADING = "| key | value | built in | variable | what it means |"
NOWHERE = Home(Path("/nonexistent"), Path("/nonexistent"))


def guide_text() -> str:
    """The page: what people have written, and below the mark what is made."""
    written, mark, _ = GUIDE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{GUIDE} has lost its mark: {MARK}"
    return written + mark + "\n" + "\n".join(_tables()).rstrip("\n") + "\n"


def named(key: str) -> str:
    """A key with a name in place of its `*`."""
    return key.replace("*", NAMES.get(key.partition(".")[0], "*"))


def field_of(key: str) -> Field[Any]:
    """The field that holds a setting; of a section of which there are several, of a new one."""
    section, _, name = named(key).rpartition(".")
    group = section.partition(".")[0]
    if group == MEMBERS:  # a line of text without one that is built in, as the group's name is
        return next(each for each in fields(DaemonSettings) if each.name == "group")
    made = {
        "providers": config.ProviderSettings, "accounts": config.AccountSettings, "alerts": config.AlertChannel,
    }.get(group)  # fmt: skip
    settings = made or type(getattr(config.Config(), section.removeprefix("defaults.")))
    return next(each for each in fields(settings) if each.name == name)


def form_of(key: str) -> str:
    """Which form its value must have, as an error says it."""
    for wrong in ("no such thing", object()):  # many take a text, and none takes what is not even one
        try:
            field_of(key).metadata["read"](wrong)
        except Invalid as invalid:
            return str(invalid)
    raise AssertionError(f"{key} takes anything")


def variable_of(key: str) -> str:
    """The variable that sets it; empty where none does."""
    name = key.rpartition(".")[2].upper()
    cloud = NAMES["providers"].upper()
    for variable in (f"GPU_SHOPPER_{name}", f"GPU_SHOPPER_{cloud}_{name}", "GPU_SHOPPER_POLICY"):
        try:
            found = config.load(NOWHERE, environ={variable: "1"}).origins
        except Misconfigured as refused:  # it is read, and 1 has another form than it wants
            found = {each: variable for each in map(named, config.known_keys()) if each in refused.message}
        if found.get(named(key)) == variable:
            return variable.replace(f"_{cloud}_", "_NAME_")
    return ""


def default_of(key: str) -> str:
    """What is built in, as it is written in the file."""
    field = field_of(key)
    return _shown(field.name, field.default).removeprefix("-")


def _cell(text: str) -> str:
    return f"`{text}`" if text else ""


def _tables() -> Iterator[str]:
    for section, keys in groupby(config.known_keys(), lambda key: key.rpartition(".")[0]):
        title = section.replace("*", "NAME")
        yield from [
            f"## [{title}]",
            "",
            "| key | value | built in | variable | what it means |",
            "|---|---|---|---|---|",
        ]
        for key in keys:
            name = _cell(key.rpartition(".")[2])
            cells = (name, form_of(key), _cell(default_of(key)), _cell(variable_of(key)), about(key))
            yield "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"
        yield ""


if __name__ == "__main__":
    GUIDE.write_text(guide_text(), encoding="utf-8")
