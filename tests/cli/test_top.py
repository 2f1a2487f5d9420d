"""`top` at a pseudo-terminal: the terminal is as it was, whatever ends it; keys run the commands of that name."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from tests.cli.in_process import Inside
from tests.cli.open_sessions import open_session
from tests.cli.pseudo_terminal import TAKEN, PseudoTerminal
from tests.needs import needs
from tests.test_client import Peer, reply

TOP = [sys.executable, "-m", "gpushopper.cli", "top"]


class Daemon:
    """Answers as a daemon does that has one session; `sessions` may be changed."""

    def __init__(self, home: Path) -> None:
        self.sessions: Any = [asdict(open_session("train"))]
        self.peer = Peer(home / "run" / "daemon.sock")
        self.peer.scripts = [self._answer]

    def _answer(self, channel: socket.socket, request: bytes) -> None:
        path = request.split(b" ", 2)[1].decode().removeprefix("/api/v1/").partition("?")[0]
        answers = {
            "sessions": {"sessions": self.sessions},
            "alarms": {"alarms": []},
            "loads": asdict(wire.Loads(0, 1, [wire.LoadView("train", [None, 10, 97])])),
            "sessions/train": asdict(open_session("train")),
            "sessions/train/extend": asdict(open_session("train", max_cost=9_000_000)),
        }
        channel.sendall(reply(answers.get(path, {"error": {"message": f"unexpected: {path}", "exit": 1}})))


@pytest.fixture
def daemon(home: Path) -> Iterator[Daemon]:
    made = Daemon(home)
    yield made
    made.peer.close()


@pytest.fixture
def at_terminal(home: Path) -> Iterator[Callable[..., PseudoTerminal]]:
    started: list[PseudoTerminal] = []

    def start(*words: str) -> PseudoTerminal:
        started.append(PseudoTerminal(words or TOP, {"GPU_SHOPPER_HOME": str(home)}))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_q_ends_it_and_the_terminal_is_as_it_was(daemon: Daemon, at_terminal: Callable[..., PseudoTerminal]):
    top = at_terminal()
    top.expect(TAKEN, "train", "97 %", "$0.43", "q quit")
    top.type("q")
    assert top.ended() == 0 and top.is_as_before(), top.seen


def test_after_a_fault_of_ours_too(daemon: Daemon, at_terminal: Callable[..., PseudoTerminal]):
    top = at_terminal()
    top.expect("q quit")
    daemon.sessions = [{"id": "train"}]
    assert top.ended() == 1 and top.is_as_before() and "unexpected AttributeError" in top.seen


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_without_a_terminal_it_says_so(inside: Inside, words: list[str]):
    ran = inside("top", *words)
    assert (ran.code, ran.out) == (2, "") and "top needs a terminal" in ran.err and "status --json" in ran.err


def test_a_terminal_that_cannot_draw_is_refused(inside: Inside):
    ran = inside("top", answer="", TERM="dumb")
    assert ran.code == 2 and "TERM" in ran.err and "see: gpu-shopper" in ran.err


@pytest.mark.proofs
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)],
)
def test_a_signal_ends_it(
    daemon: Daemon, at_terminal: Callable[..., PseudoTerminal], number: signal.Signals, status: int
):
    top = at_terminal()
    top.expect("q quit")
    os.kill(top.pid, number)
    assert top.ended() == status and top.is_as_before(), top.seen


@pytest.mark.proofs
def test_a_daemon_that_is_gone_is_said_and_nothing_is_started(
    daemon: Daemon, at_terminal: Callable[..., PseudoTerminal], home: Path
):
    """What was known is left on the screen: it may bill (I27)."""
    top = at_terminal()
    top.expect("q quit")
    (home / "run" / "daemon.sock").unlink()
    shown = top.expect("no daemon is running", "as it was at")
    assert "$0.43" in shown and not (home / "daemon.log").exists()
    top.type("q")
    assert top.ended() == 0 and top.is_as_before()


@pytest.mark.proofs
def test_a_key_asks_by_the_command_of_its_name_and_typing_ahead_answers_nothing(
    daemon: Daemon, at_terminal: Callable[..., PseudoTerminal]
):
    top = at_terminal()
    top.expect("q quit")
    top.type("ey\n")
    top.expect("Extend it? [y/N]")
    assert not [each for each in daemon.peer.requests if b"/extend" in each and not _is_dry(each)]
    top.type("n\n")
    top.expect("Nothing was done", "Press Return")
    top.type("\n")
    top.expect(TAKEN, "q quit")
    top.type("\x03")
    assert top.ended() == 0 and top.is_as_before()


def _is_dry(request: bytes) -> bool:
    return bool(json.loads(request.partition(b"\r\n\r\n")[2] or b"{}").get("dry_run"))


@pytest.mark.proofs
@needs("bash")
def test_ctrl_z_gives_the_terminal_back_until_it_is_continued(
    daemon: Daemon, at_terminal: Callable[..., PseudoTerminal]
):
    shell = at_terminal("bash", "--norc", "--noprofile", "-i")
    shell.type(" ".join(TOP) + "\n")
    shell.expect(TAKEN, "q quit")
    shell.type("\x1a")
    shell.expect("\x1b[?1049l", "Stopped")
    shell.type("stty -a | tr ' ' '\\n' | grep -xe '-*icanon' -e '-*echo' | tr '\\n' +; echo\n")
    shell.expect("icanon+echo+")
    shell.type("fg\n")
    shell.expect(TAKEN, "q quit")
    shell.type("q")
    shell.expect("\x1b[?1049l")
    shell.type("exit\n")
    assert shell.ended() == 0
