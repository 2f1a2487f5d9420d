"""How tests are spread over worker processes: by file; by folder, where its files share what is dear to make."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CLI = "tests/cli/"
TOGETHER = ("tests/daemon/", "tests/floors/")
"""Share a process that daemons are forked from; the syntax of the whole tree."""
MARKET = re.compile(r"\b(market: Shell|inside: Inside)")
"""A test that takes the market of its worker, with its daemon (tests/cli/conftest.py)."""


@cache
def scope_of(file: str) -> str:
    """What goes to one worker: the files that share a market, those of a folder, or the file."""
    if file.startswith(CLI):
        return CLI if MARKET.search(Path(__file__).parents[1].joinpath(file).read_text()) else file
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what one worker has for longest, and waits most: the others have all else meanwhile."""
    if "not proofs" in config.getoption("markexpr"):
        items.sort(key=lambda item: (scope_of(item.nodeid.partition("::")[0]) != CLI, not item.nodeid.startswith(CLI)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, give each of these scopes to one worker; proofs share little, and go by file."""
    if config.getoption("dist") != "loadfile" or "not proofs" not in config.getoption("markexpr"):
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByScope(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(super()._split_scope(nodeid))

    return ByScope(config, log)
