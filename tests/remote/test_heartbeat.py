"""Probes of real ssh servers, friendly and hostile: the right kind of failure, within the limits (I18, I24, F13)."""

from __future__ import annotations

import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpushopper.core.model.heartbeat import GuardRenewal, Heartbeat, ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess
from tests.core.test_shell_environment import HOSTILE
from tests.remote.conftest import login
from tests.ssh_hosts import Host

LIMIT_S = 60.0
SHORT_S = 3.0
LOOSE_S = 30
"""What a loaded computer may take beyond a limit."""
Start = Callable[..., Host]


def alive(found: Heartbeat | ProbeFailure) -> Heartbeat:
    assert isinstance(found, Heartbeat), found
    return found


def silent(found: Heartbeat | ProbeFailure) -> ProbeFailureKind:
    assert isinstance(found, ProbeFailure), found
    assert found.detail.isprintable() and 0 < len(found.detail) <= 200
    return found.kind


@pytest.fixture
def mute() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_heartbeat_has_guard_report_and_hardware(remote: InstanceAccess, host: Start):
    found = alive(remote.probe(login(host("--banners", "1").port), None, LIMIT_S))
    assert found.hardware.gpus == ("NVIDIA GeForce RTX 4090",) * 2
    assert (found.hardware.vram_mb, found.hardware.driver, found.hardware.cuda) == (24564, "550.54.15", "12.4")
    assert found.hardware.disk_gb is not None and found.hardware.disk_gb > 0.1
    assert found.guard is not None and found.guard.armed


def test_a_renewal_reaches_the_guard(remote: InstanceAccess, host: Start):
    found = alive(remote.probe(login(host().port), GuardRenewal(seq=7, left_s=1234), LIMIT_S))
    assert found.guard is not None and (found.guard.seq, found.guard.left_s) == (7, 1234)


@pytest.mark.proofs
def test_the_users_variables_do_not_disturb_a_probe(remote: InstanceAccess, host: Start):
    """A login shell reads the variables of `provision -e` before our command, whatever they are."""
    exports = "".join(f"export {name}={shlex.quote(text)}; " for name, text in HOSTILE.items() if name != "SHELLOPTS")
    found = alive(remote.probe(login(host("--instead", f'{exports}eval "$SSH_ORIGINAL_COMMAND"').port), None, LIMIT_S))
    assert found.hardware.gpus == ("NVIDIA GeForce RTX 4090",) * 2
    assert found.hardware.disk_gb is not None
    assert found.guard is not None and found.guard.armed


def test_a_host_without_guard_and_gpus_has_a_heartbeat(remote: InstanceAccess, host: Start):
    found = alive(remote.probe(login(host(guard=False, gpus=False).port), None, LIMIT_S))
    assert (found.guard, found.hardware.gpus) == (None, ())


def test_a_closed_port_is_not_reached(remote: InstanceAccess):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = remote.probe(login(port), None, LIMIT_S)
    assert silent(found) is ProbeFailureKind.UNREACHABLE
    assert isinstance(found, ProbeFailure) and "refused" in found.detail


@pytest.mark.proofs
def test_a_silent_listener_is_not_reached_within_the_time_limit(remote: InstanceAccess, mute: int):
    began = time.monotonic()
    assert silent(remote.probe(login(mute), None, SHORT_S)) is ProbeFailureKind.UNREACHABLE
    assert time.monotonic() - began < SHORT_S + LOOSE_S


def test_a_server_that_is_not_ssh_is_not_reached(remote: InstanceAccess, mute: int):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            channel, _ = server.accept()
            with channel:
                channel.sendall(b"HTTP/1.0 200 OK\r\n\r\n\x1b[2J" + b"x" * 100_000)

        threading.Thread(target=greet, daemon=True).start()
        assert silent(remote.probe(login(server.getsockname()[1]), None, LIMIT_S)) is ProbeFailureKind.UNREACHABLE


def test_a_host_that_does_not_know_our_key_refuses_the_login(remote: InstanceAccess, host: Start):
    there = host(authorized="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBV5DrJB4aqQqt1wvSXD4Khk0tI+8tYe8jGf9FwqFTFD x")
    assert silent(remote.probe(login(there.port), None, LIMIT_S)) is ProbeFailureKind.NO_LOGIN


@pytest.mark.parametrize(
    "host_name", ["-oProxyCommand=touch /tmp/gs-owned", "a b", "\x1b[31m", "", "x" * 300, "$(id)", "a%h"]
)
def test_an_invalid_address_is_never_passed_to_ssh(remote: InstanceAccess, host_name: str):
    assert (
        silent(remote.probe(SshTarget("session1", "attempt1", host_name, 22), None, LIMIT_S))
        is ProbeFailureKind.UNREACHABLE
    )


# ---- the pinned key


def test_the_key_of_the_first_login_is_pinned(remote: InstanceAccess, where: Home, host: Start):
    port = host().port
    alive(remote.probe(login(port), None, LIMIT_S))
    pin = where.ssh_keys / "attempt1.hosts"
    assert pin.read_text().startswith("attempt1 ssh-ed25519 ")
    assert pin.stat().st_mode & 0o777 == 0o600


def test_a_changed_host_key_is_reported_and_nothing_is_sent(remote: InstanceAccess, where: Home, host: Start):
    alive(remote.probe(login(host().port), None, LIMIT_S))
    pinned = (where.ssh_keys / "attempt1.hosts").read_text()
    other = host("--instead", "touch $HOME/was-here")
    for _ in range(2):
        assert silent(remote.probe(login(other.port), GuardRenewal(1, 1), LIMIT_S)) is ProbeFailureKind.HOST_KEY
    assert not (other.home / "was-here").exists()
    assert (where.ssh_keys / "attempt1.hosts").read_text() == pinned


def test_a_host_key_seen_without_a_login_is_not_pinned(remote: InstanceAccess, where: Home, host: Start):
    """A provider's proxy may answer before the instance does."""
    stranger = host(authorized="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBV5DrJB4aqQqt1wvSXD4Khk0tI+8tYe8jGf9FwqFTFD x")
    assert silent(remote.probe(login(stranger.port), None, LIMIT_S)) is ProbeFailureKind.NO_LOGIN
    alive(remote.probe(login(host().port), None, LIMIT_S))


def test_a_forgotten_attempt_is_pinned_anew(remote: InstanceAccess, where: Home, host: Start):
    alive(remote.probe(login(host().port), None, LIMIT_S))
    remote.forget_attempt("attempt1")
    assert [path.name for path in where.ssh_keys.iterdir()] == ["session1.key"]
    alive(remote.probe(login(host().port), None, LIMIT_S))


# ---- one shared connection


def test_probes_share_a_connection_that_ends_with_the_attempt(remote: InstanceAccess, where: Home, host: Start):
    there = host("--banners", "1")
    alive(remote.probe(login(there.port), None, LIMIT_S))
    (control,) = [path for path in where.run.iterdir() if path.is_socket()]
    remote.forget_attempt("attempt1")
    assert not control.exists()


@pytest.mark.proofs
def test_a_shared_connection_outlives_a_probe_that_is_killed(remote: InstanceAccess, host: Start):
    there = host()
    alive(remote.probe(login(there.port), None, LIMIT_S))
    smi = there.home / "bin" / "nvidia-smi"
    good = smi.read_text()
    smi.write_text("#!/bin/sh\nsleep 600\n")
    cut = alive(remote.probe(login(there.port), None, SHORT_S))
    assert cut.guard is not None and cut.hardware.gpus == ()
    smi.write_text(good)
    assert alive(remote.probe(login(there.port), None, LIMIT_S)).hardware.gpus != ()


# ---- after the login


@pytest.mark.proofs
@pytest.mark.parametrize(
    "instead",
    [
        "head -c 1000000000 /dev/zero",
        "yes $(printf '\\033]0;owned\\007\\033[2J')",
        "yes >&2",
        "while :; do printf x; sleep 1; done",
        'sh -c "$SSH_ORIGINAL_COMMAND" | while IFS= read -r line; do echo "$line"; sleep 1; done',
        "printf '\\ngs-0123456789abcdef01234567 guard\\ngs-guard 1\\narmed=1\\n'",
        "echo This account is currently unavailable.; exit 1",
        'sh -c "$SSH_ORIGINAL_COMMAND"; sh -c "$SSH_ORIGINAL_COMMAND"',
        'sh -c "$SSH_ORIGINAL_COMMAND"; head -c 100000 /dev/zero',
        "exit 0",
    ],
)
def test_a_login_with_an_unreadable_answer_is_garbage(remote: InstanceAccess, host: Start, instead: str):
    there = host("--instead", instead)
    began = time.monotonic()
    kind = silent(remote.probe(login(there.port), None, SHORT_S))
    assert time.monotonic() - began < SHORT_S + LOOSE_S
    assert kind is ProbeFailureKind.MALFORMED


def test_a_host_that_fakes_a_changed_key_harms_only_itself(remote: InstanceAccess, host: Start):
    there = host("--instead", "echo 'Host key verification failed.' >&2; exit 255")
    assert silent(remote.probe(login(there.port), None, LIMIT_S)) is ProbeFailureKind.HOST_KEY


def test_a_flood_of_greetings_is_bounded(remote: InstanceAccess, host: Start):
    there = host("--banners", "200", "--banner", "\x1b[2J\x1b]0;owned\x07 Permission denied (publickey).\r\n")
    found = remote.probe(login(there.port), None, LIMIT_S)
    assert alive(found).guard is not None


def test_a_connection_lost_during_the_answer_is_not_reached(
    remote: InstanceAccess, host: Start, wait_until: Callable[..., None]
):
    there = host("--instead", 'sh -c "$SSH_ORIGINAL_COMMAND" | head -n 3; touch begun; exec sleep 600')
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(remote.probe, login(there.port), None, LIMIT_S)
        wait_until((there.home / "begun").exists, timeout_s=LOOSE_S)
        there.stop()
        assert silent(found.result()) is ProbeFailureKind.UNREACHABLE
