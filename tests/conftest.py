"""Isolate every test: a home of its own, no keys from outside, no network beyond loopback."""

from __future__ import annotations

import gc
import ipaddress
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import waiting
from tests.reporting import pytest_addoption, pytest_sessionfinish, pytest_terminal_summary  # noqa: F401  hooks
from tests.spread import pytest_collection_modifyitems, pytest_xdist_make_scheduler  # noqa: F401  hooks

# `ci` repeats exactly; `sweep` draws new examples at random (make sweep).
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("sweep", parent=settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile("ci")


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay to the end: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


# What a developer's shell may carry and a test must not see.
LEAKS = re.compile(r"(?i)^(GPU_SHOPPER_|XDG_|VAST|.*_API_KEY$|DBUS_SESSION_BUS_|(https?|all|no)_proxy$)")


def is_loopback(host: object) -> bool:
    """Say whether a connection or a name lookup of `host` stays on this computer."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """Fail whoever leaves loopback: an audit hook sees every socket, also those of libraries."""
    if event in ("socket.connect", "socket.sendto"):
        peer, address = args
        # A fake may pass something that is no socket; only internet families can leave.
        if getattr(peer, "family", None) not in (socket.AF_INET, socket.AF_INET6):
            return
        host = address[0] if isinstance(address, tuple) else address
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    if not is_loopback(host):
        # Not an Exception: code under test that survives network errors must not survive this.
        pytest.fail(f"network refused in tests: {event} {host!r}", pytrace=False)


sys.addaudithook(refuse_network)

# A shell's background job ignores Ctrl-C, and would hand that on to every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the test a short, private home folder; returns what GPU_SHOPPER_HOME names."""
    for name in [name for name in os.environ if LEAKS.match(name)]:
        monkeypatch.delenv(name)
    # pytest's tmp_path is too long for a Unix socket (100 bytes).
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    monkeypatch.setenv("HOME", str(top))
    monkeypatch.setenv("GPU_SHOPPER_HOME", str(top / "gs"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    yield top / "gs"
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait on a condition instead of sleeping: `wait_until(lambda: path.exists(), timeout_s=60)`."""
    return waiting.wait_until
