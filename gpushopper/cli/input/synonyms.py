"""Words of other tools and of our forerunner that work here, and what a mistyped or foreign word may mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gpushopper.errors import UsageError

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "rm": ("shutdown",),
    "stop": ("shutdown",),
    "down": ("shutdown",),
    "destroy": ("shutdown",),
    "kill": ("shutdown",),
    "terminate": ("shutdown",),
    "ps": ("ls",),
    "list": ("ls",),
    "show": ("get",),
    "describe": ("get",),
    "login": ("keys", "set"),
    "scp": ("cp",),
    "cleanup-orphans": ("audit",),
}
"""A synonym, and the words that stand in its place."""

MEANINGS: Mapping[str, tuple[str, ...]] = {
    "provision": ("rent", "create", "launch", "up", "start", "new", "buy", "order"),
    "inventory": ("search", "offers", "list-offers", "market", "find", "gpus", "available"),
    "shutdown": ("delete", "remove", "end", "release", "teardown", "cancel"),
    "extend": ("renew", "prolong", "longer", "more"),
    "cp": ("copy", "upload", "download", "push", "put"),
    "pull": ("fetch", "results"),
    "ssh": ("connect", "shell", "attach", "enter", "bash", "console"),
    "logs": ("log", "tail", "output"),
    "costs": ("cost", "price", "bill", "billing", "spend", "spending", "money", "usage"),
    "budget": ("budgets", "limit", "limits", "quota"),
    "status": ("state", "info"),
    "doctor": ("health", "check", "diagnose", "verify"),
    "events": ("history", "audit-log"),
    "keys": ("auth", "key", "token", "credentials", "apikey", "api-key"),
    "config": ("settings", "configure", "set-up", "setup", "init"),
    "notify": ("alert", "webhook", "slack", "mail"),
    "code": ("vscode", "ide"),
    "jupyter": ("notebook", "lab"),
    "wait": ("await", "block"),
    "ls": ("running", "instances"),
    "top": ("watch", "dashboard", "htop", "nvtop"),
    "why": ("explain", "reason"),
}
"""A command, and words by which people look for it. They are suggested, not run: some of these spend money."""

UNUSED = {"-k": True, "--key": True}
"""Options of the forerunner's `transfer` that have no use here: each session has a key of its own. With a value."""

UNASKED = frozenset({"-f", "-rf", "-fr", "--force"})
"""How one says at other tools that `rm` shall not ask."""


def expanded(args: Sequence[str]) -> list[str]:
    """The words with a synonym at their beginning replaced; others as they are.

    Raises:
        UsageError: the synonym was given an option that would do something else here.
    """
    first, *rest = args
    if first == "stop" and any(word == "--yes" or re.fullmatch("-[a-z]*y[a-z]*", word) for word in rest):
        text = "stop keeps the disk at other tools; here an end destroys it"
        raise UsageError(text, "if that is meant: gpu-shopper shutdown NAME --yes")
    if first == "rm":  # whose -f is our --yes: -f here would leave outputs of runs behind
        return ["shutdown", *("--yes" if word in UNASKED else word for word in rest)]
    if first == "exec":
        return ["ssh", *_with_dashes(rest)]
    if first == "transfer" and rest[:1] in (["upload"], ["download"]):
        return ["cp", *_without_key(rest[1:])]
    if first == "cleanup-orphans" and {"--execute", "--force"} & set(rest):
        hint = "instances of ours without a record are adopted and end at their deadline; see: gpu-shopper audit"
        raise UsageError("cleanup-orphans ends nothing here", f"{hint}, and: gpu-shopper watchdog --help")
    return [*COMMANDS[first], *rest] if first in COMMANDS else [*args]


def _with_dashes(words: Sequence[str]) -> list[str]:
    """`NAME CMD ...` as `NAME -- CMD ...`."""
    place = next((number for number, word in enumerate(words) if not word.startswith("-")), len(words))
    rest = list(words[place + 1 :])
    return [*words[: place + 1], *(rest if rest[:1] == ["--"] or not rest else ["--", *rest])]


def _without_key(words: Sequence[str]) -> list[str]:
    kept, skips = [], False
    for word in words:
        if not skips and word not in UNUSED:
            kept.append(word)
        skips = not skips and word in UNUSED
    return kept


def meant(word: str) -> list[str]:
    """The commands that a word may mean."""
    return [command for command, words in MEANINGS.items() if word in words]
