"""How tests are spread over worker processes: by file; by folder, where its files share what is dear to make."""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = ("tests/cli/", "tests/daemon/", "tests/floors/")
"""Share a market with its daemon, a process that daemons are forked from, the syntax of the whole tree."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what one worker has for longest: the others have all else meanwhile."""
    if "not proofs" in config.getoption("markexpr"):
        items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, give each of these folders to one worker; proofs share little, and go by file."""
    if config.getoption("dist") != "loadfile" or "not proofs" not in config.getoption("markexpr"):
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFolder(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    return ByFolder(config, log)
