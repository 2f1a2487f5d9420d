"""Names of sessions in the paths of the local API: any name is found, and what acts takes no beginning of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service
from gpushopper.store import sessions
from tests.daemon.test_api import assert_error, serving
from tests.store.samples import session


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(None) as found:
        yield found


ODD = ("../x", "a:b", "a/b", "-x", "a b", "Zürich", "..", ".", "a%2Fb", "x/done", "?q=1", "#1", "/", "a//b/")


def as_sent(path: str) -> dict[str, str]:
    """What our server makes of a path: a quoted slash stays quoted, all else is undone; REQUEST_URI is untouched."""
    pieces = re.split("(?i)%2f", path)
    return {"PATH_INFO": "%2F".join(map(unquote, pieces)).encode().decode("latin-1"), "REQUEST_URI": path}


@pytest.mark.parametrize("name", ODD)
def test_a_session_of_any_name_is_shown_and_ended_by_it(service: Service, name: str):
    """Names were free once; such rows are still there."""
    store, api = service.handle.ctx.store, build_app(service).test_client()
    with store.transaction():
        for number, each in enumerate(ODD):
            sessions.insert_session(store, session(f"s{number}", name=each))
    path = f"/api/v1/sessions/{quote(name, safe='')}"
    shown = api.get("/", environ_overrides=as_sent(path))
    assert shown.json["name"] == name, shown.json
    ended = api.delete("/", environ_overrides=as_sent(path))
    assert (ended.status_code, ended.json["sessions"]) == (202, [shown.json["id"]])
    done = api.post("/", environ_overrides=as_sent(f"{path}/done"))
    assert (done.status_code, done.json["sessions"]) == (202, [shown.json["id"]])
    unwanted = [each.name for each in sessions.load_sessions(store) if each.desired_state == "terminated"]
    assert unwanted == [name]


@pytest.mark.parametrize("ref", ["exp", "s-1"])
def test_a_path_of_a_command_takes_no_prefix_of_a_name_or_an_id(service: Service, ref: str):
    store, api = service.handle.ctx.store, build_app(service).test_client()
    with store.transaction():
        sessions.insert_session(store, session("s-1234", name="exp10"))
    path = f"/api/v1/sessions/{ref}"
    assert api.get(path).json["name"] == "exp10"
    replies = [
        api.delete(path), api.post(f"{path}/done"), api.post(f"{path}/extend", json={"add_us": 3_600_000_000}),
        api.get(f"{path}/connection"),
    ]  # fmt: skip
    for reply in replies:
        error = assert_error(reply, 404, "session_not_found", 3)
        assert error["message"] == f"no session named {ref}; did you mean exp10?"
    assert [each.desired_state for each in sessions.load_sessions(store)] == ["running"]
