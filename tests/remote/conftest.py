"""A home with its ssh keys, and real ssh servers to probe."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.paths import Home, find_home
from gpushopper.remote.instance_access import InstanceAccess
from tests.ssh_hosts import Host, has_namespaces


@pytest.fixture
def where(home: Path) -> Home:
    home.mkdir()
    return find_home()


@pytest.fixture
def remote(where: Home) -> Iterator[InstanceAccess]:
    made = InstanceAccess(where)
    yield made
    made.forget_attempt("attempt1")


@pytest.fixture
def host(remote: InstanceAccess) -> Iterator[Callable[..., Host]]:
    """Start a server that knows the key of session1; each call is another host."""
    if not has_namespaces():
        pytest.skip("no namespaces here: nothing of an instance runs outside them")
    started: list[Host] = []

    def start(*arguments: str, port: int = 0, authorized: str | None = None, **prepared: bool) -> Host:
        made = Host(Path(tempfile.mkdtemp(prefix="gs-host-")))
        started.append(made)
        made.prepare(remote.public_key("session1") if authorized is None else authorized, **prepared)
        return made.start(*arguments, port=port)

    yield start
    for each in started:
        each.stop()
        shutil.rmtree(each.top, ignore_errors=True)


def login(port: int, host: str = "127.0.0.1") -> SshTarget:
    return SshTarget("session1", "attempt1", host, port)
