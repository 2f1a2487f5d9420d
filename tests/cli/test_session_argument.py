"""Which session is meant where nothing was named, with and without somebody to ask."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.prompts import Declined
from gpushopper.client import Client, JsonObject
from gpushopper.errors import NotFound, UsageError
from gpushopper.paths import Home
from tests.cli.in_process import Stream


def session(name: str) -> JsonObject:
    return JsonObject(
        name=name, id=f"id-of-{name}", gpu="RTX 4090", gpu_count=1, provider="vast", status="running", health="ok",
        waits_for_account=False,
        end_stage="", ended_at=None, accrued=10_000, max_cost=420_000,
    )  # fmt: skip


class Known:
    """The daemon's answers about open sessions."""

    def __init__(self, *names: str) -> None:
        self._found = [session(name) for name in names]

    def sessions(self, **_: Any) -> JsonObject:
        return JsonObject(sessions=self._found)


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An App whose user answers; None: not a terminal."""

    def make(known: Known, answer: str | None) -> App:
        app = new_app()
        app._client = cast("Client", known)
        monkeypatch.setattr(sys, "stdin", Stream(answer or "", is_terminal=answer is not None))
        monkeypatch.setattr(sys, "stderr", Stream(is_terminal=answer is not None))
        return app

    return make


@pytest.mark.parametrize("find", [session_argument.to_show, session_argument.to_act_on])
def test_without_a_terminal_a_name_is_needed(at_terminal: Any, find: Any):
    with pytest.raises(UsageError, match="name the session"):
        find(at_terminal(Known("one"), None), None)


@pytest.mark.parametrize("find", [session_argument.to_show, session_argument.to_act_on])
def test_without_a_name_no_session_or_several_are_an_error(at_terminal: Any, find: Any):
    with pytest.raises(UsageError, match=r"which one\? one, two"):
        find(at_terminal(Known("one", "two"), "y\n"), None)
    with pytest.raises(NotFound, match="no open session"):
        find(at_terminal(Known(), "y\n"), None)


def test_the_only_open_session_is_shown_without_a_question(at_terminal: Any):
    assert session_argument.to_show(at_terminal(Known("one"), ""), None).name == "one"


def test_the_only_open_session_is_confirmed_before_it_is_changed(at_terminal: Any):
    app = at_terminal(Known("one"), "y\n")
    assert session_argument.to_act_on(app, None).name == "one"
    assert "the only open session is one: 1x RTX 4090 on vast, running" in cast("Stream", sys.stderr).getvalue()
    with pytest.raises(Declined):
        session_argument.to_act_on(at_terminal(Known("one"), "n\n"), None)


def test_a_command_that_confirms_anyway_asks_only_once(at_terminal: Any):
    assert session_argument.to_act_on(at_terminal(Known("one"), ""), None, asks=False).name == "one"


@pytest.mark.parametrize("find", [session_argument.to_show, session_argument.to_act_on])
def test_an_empty_name_is_not_an_omitted_one(at_terminal: Any, find: Any):
    with pytest.raises(UsageError, match="an unset variable"):
        find(at_terminal(Known("one"), "y\n"), "")


class Nobody:
    """A daemon without sessions."""

    def session(self, ref: str) -> JsonObject:
        raise NotFound(f"no session is called {ref!r}", "see them with: gpu-shopper ls -a", code="session_not_found")


@pytest.mark.parametrize("find", [session_argument.to_show, session_argument.to_act_on])
def test_a_session_of_the_other_home_is_named(home: Path, at_terminal: Any, find: Any):
    """`get s1` without --sandbox, or with one too many: its name is in the file that shells complete from."""
    app = at_terminal(cast("Known", Nobody()), None)
    (home / "sandbox").mkdir(parents=True)
    for folder in (home, home / "sandbox"):
        Home(folder, folder).completion_names.write_text(f"open\tof-{folder.name}\nconsumer\tbob\n")
    with pytest.raises(NotFound, match="of-sandbox is a session of the sandbox") as found:
        find(app, "of-sandbox")
    assert found.value.hint == "see: gpu-shopper --sandbox get of-sandbox"
    for name in ("bob", "of-nobody"):
        with pytest.raises(NotFound, match="no session is called"):
            find(app, name)
    app.use_sandbox = True
    with pytest.raises(NotFound, match="one outside it") as outside:
        find(app, f"of-{home.name}")
    assert outside.value.hint == "leave --sandbox out"
