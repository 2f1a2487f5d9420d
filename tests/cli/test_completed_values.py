"""Every value that a command takes is completed, or it is known why it cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gpushopper.cli import root
from gpushopper.cli.commands.completion import known_values
from gpushopper.cli.commands.completion.command_tree import tree
from gpushopper.sandbox.faults.fault_types import FAULT_TYPES, HOST_FAULT_TYPES
from tests.floors.tree import ROOT, text_of

A_NUMBER = "a number"
A_TIME = "a time, or a span of time"
MONEY = "dollars"
THEIRS = "a path or command on the instance, which is not asked for it"
OWN = "a name or a text that its user makes up"
CHECKED = "typed on purpose, by a person who has looked at the console"
NOT_COMPLETED = {
    A_NUMBER: "--gpus --min-gpus --min-vram --min-reliability --min-cuda --disk --cpus --ram --offset --limit "
    "--retries -n --tail --lines -L --port -R --seed --count --chance --pull-max",
    A_TIME: "-t --hours --for --until --since --start --end --timeout --idle --contact --hold --hard-max --land-for "
    "--wait-for-capacity --month",
    MONEY: "--max-price --daily --monthly --max-usd",
    THEIRS: "--before-end --pull",
    OWN: "--name --reason --image --label --user",
    "names of the user's own variables, often with values": "-e --env --secret-env",
    "a pattern": "--exclude",
    "a program": "--editor",
    "ids of hosts: inventory and custody show them": "--exclude-host --host",
    "an id from another computer": "--installation --head",
    CHECKED: "--instance",
}
"""Options by the reason."""
DOLLARS_OF_A_SESSION = ("budget set", "--session")
"""The same name means a session's name elsewhere, which is completed."""
ARGUMENTS = {
    "sync 3": THEIRS,
    "pull 1": THEIRS,
    "code 1": THEIRS,
    "consumers rename 1": OWN,
    "config set 1": "what it may be depends on the key",
    "adopt 0": CHECKED,
    "sandbox advance 0": A_TIME,
    "sandbox fault add 3": "what it may be depends on the word",
    "sandbox fault clear 0": A_NUMBER,
    "sandbox revise 0": "an id of the sandbox: sandbox ledger shows it",
    "sandbox revise 2": "what it may be depends on the action",
}
"""By the command and the argument's place."""


def unknown() -> Iterator[tuple[str, str]]:
    """What is not completed: command, and option or place."""
    for each in tree(root):
        yield from ((each.path, name) for name, kind in each.options.items() if kind == "")
        yield from ((each.path, str(place)) for place, kind in enumerate(each.arguments) if kind in ("", "..."))


def test_every_value_is_completed_or_there_is_a_reason():
    reasons = {name for names in NOT_COMPLETED.values() for name in names.split()}
    found = [pair for pair in unknown() if pair != DOLLARS_OF_A_SESSION]
    assert {name for _, name in found if name.startswith("-")} == reasons
    assert {f"{path} {place}" for path, place in found if place.isdigit()} == set(ARGUMENTS)


@pytest.mark.parametrize("name", ["FAULT_WORDS", "REVISIONS"])
def test_words_of_the_sandbox_are_those_it_has(name: str):
    actions = re.findall(
        r'^        case ("\w+"(?: \| "\w+")*):', text_of(ROOT / "gpushopper/sandbox/market/actions.py"), re.M
    )
    theirs = {
        "FAULT_WORDS": {*FAULT_TYPES, *HOST_FAULT_TYPES},
        "REVISIONS": {word for found in actions for word in re.findall(r"\w+", found)},
    }
    assert set(getattr(known_values, name)) == theirs[name]
