"""What a service manager is told, and that the watchdog starves when a loop hangs; that no core can be dumped."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.daemon.supervision.systemd_notify import ServiceManager
from tests.daemon.conftest import Running


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def environ(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def test_the_watchdog_is_fed_while_all_loops_turn_and_starves_else(manager: socket.socket):
    told = ServiceManager(environ(manager, WATCHDOG_USEC="120000000"), 7)
    assert told.feed_every_s == 30
    told.feed(lambda: [])
    assert manager.recv(100) == b"WATCHDOG=1"
    told.feed(lambda: ["engine"])
    told.ready()
    assert manager.recv(100) == b"READY=1", "nothing was sent for the loop that hangs"
    told.feed(lambda: [])
    assert manager.recv(100) == b"WATCHDOG=1"


def test_variables_are_not_passed_on_and_those_of_another_process_do_not_count(manager: socket.socket):
    given = environ(manager, WATCHDOG_USEC="120000000", WATCHDOG_PID="8", PATH="/bin")
    told = ServiceManager(given, 7)
    assert given == {"PATH": "/bin"} and told.feed_every_s is None


@pytest.mark.parametrize("limit", ["", "0", "soon", "-5"])
def test_no_limit_means_no_watchdog(manager: socket.socket, limit: str):
    assert ServiceManager(environ(manager, WATCHDOG_USEC=limit), 7).feed_every_s is None


def test_a_manager_that_is_gone_harms_nothing(tmp_path: Path):
    for address in ("", str(tmp_path / "nobody"), "@nobody-here", "/" * 200):
        ServiceManager({"NOTIFY_SOCKET": address}, 7).ready()


def test_a_name_without_a_file_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0gpu-shopper-test-{os.getpid()}")
        ServiceManager({"NOTIFY_SOCKET": f"@gpu-shopper-test-{os.getpid()}"}, 7).ready()
        assert listening.recv(100) == b"READY=1"


def test_a_daemon_says_that_it_is_ready_feeds_the_watchdog_and_says_that_it_stops(
    start: Callable[..., Running], manager: socket.socket
):
    running = start(**environ(manager, WATCHDOG_USEC="400000"))
    assert manager.recv(100) == b"READY=1"
    assert manager.recv(100) == b"WATCHDOG=1" == manager.recv(100)
    assert running.end(signal.SIGTERM)[0] == 0
    while (last := manager.recv(100)) == b"WATCHDOG=1":
        pass
    assert last == b"STOPPING=1"


HARDEN = "import resource; from gpushopper.core_dumps import forbid_core_dumps as f; f(); print(*resource.getrlimit(4))"


def test_no_core_is_dumped_neither_to_a_file_nor_to_a_program():
    """A limit of 0 would not keep a program from getting it; a hard limit of 0 cannot be raised to 1."""
    assert resource.RLIMIT_CORE == 4
    raised = "1 1" if resource.getrlimit(resource.RLIMIT_CORE)[1] else "0 0"
    for before, after in (("true", raised), ("ulimit -c 0", "0 0")):
        command = ["sh", "-c", f'{before} && exec "$0" -c "$1"', sys.executable, HARDEN]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == after
