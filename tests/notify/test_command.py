"""The user's command gets the alert on stdin, none of our secrets, and a bounded time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper.core.alerts.delivery import DELIVERED, Result
from gpushopper.notify.command import environment, run
from tests.notify.messages import message


def hook(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def is_over(command_line: Path) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return not command_line.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_command_gets_the_alert_as_json_and_its_own_words_as_they_are(tmp_path: Path):
    words = [hook(tmp_path, f'cat >"{tmp_path}/got"; printf %s "$1" >"{tmp_path}/word"'), "$(id) {text}"]
    assert run(words, message("fox; `id`")) == DELIVERED
    got = json.loads((tmp_path / "got").read_text())
    assert (got["id"], got["message"], got["type"]) == ("gs-1-7", "fox; `id`", "session.ends_soon")
    assert (tmp_path / "word").read_text() == "$(id) {text}"


@pytest.mark.parametrize("text", ["exit 3", "kill -9 $$"])
def test_a_command_that_fails_has_not_taken_the_alert(tmp_path: Path, text: str):
    found = run([hook(tmp_path, text)], message())
    assert found.result is Result.UNREACHABLE and "ended with status" in found.problem


def test_a_command_that_is_not_there_is_said(tmp_path: Path):
    assert "cannot be started" in run([str(tmp_path / "nothing")], message()).problem


def test_a_command_that_takes_too_long_has_not_taken_the_alert(tmp_path: Path):
    found = run([hook(tmp_path, "exec sleep 60")], message(), 0.01)
    assert found.result is Result.UNREACHABLE and "did not end within" in found.problem


@pytest.mark.proofs
def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, wait_until: Callable[..., None]):
    text = f'sleep 60 & echo $! >"{tmp_path}/child"; wait'
    found = run([hook(tmp_path, text)], message(), 1.0)
    assert found.problem == "the command did not end within 1 s"
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/cmdline")
    wait_until(lambda: is_over(child), timeout_s=10)


def test_a_command_sees_none_of_the_variables_that_may_be_keys():
    seen = environment({"PATH": "/bin", "LC_ALL": "C", "VAST_API_KEY": "k", "AWS_SECRET": "s", "HTTPS_PROXY": "p"})
    assert {name for name in seen if name not in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")} == {"PATH", "LC_ALL"}
