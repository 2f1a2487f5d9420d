"""Keys: where they are looked for, how the file is kept, and that they never show."""

from __future__ import annotations

import os
import pickle
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import secrets
from gpushopper.daemon.keys.key_watcher import NON_INTERACTIVE, UNDECIDED, has_changed
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home, with_user_bus
from gpushopper.secrets import (
    EnvironmentSource,
    FileSource,
    FoundKey,
    KeyProblem,
    KeyringSource,
    KeyringUnavailable,
    KeyUnreadable,
    NoKey,
    Secret,
)
from gpushopper.secrets.keyring_entries import answer_in
from tests.credentials import VAST, api_key
from tests.daemon.stand_ins import EmptyAccount
from tests.needs import needs_root

OTHER = replace(VAST, name="other")
CANARY = "c4n4ry-0123456789abcdef"


@pytest.fixture
def file(home: Path) -> Path:
    return home / "keys.toml"


def test_a_secret_never_shows_itself():
    secret = Secret(CANARY)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r}",
        repr([secret]),
        repr(FoundKey(api_key(CANARY), "here")),
    ):
        assert CANARY not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret(CANARY) and secret != Secret("x") and secret != CANARY
    assert secret.reveal() == CANARY


def test_the_environment_is_read_before_the_file(file: Path):
    secrets.set_key(file, VAST, api_key("from-file"))
    sources = [EnvironmentSource({"VAST_API_KEY": "from-env"}), FileSource(file)]
    assert secrets.find_key(VAST, sources) == FoundKey(api_key("from-env"), "environment VAST_API_KEY")
    sources = [EnvironmentSource({}), FileSource(file)]
    assert secrets.find_key(VAST, sources) == FoundKey(api_key("from-file"), f"file {file}")


@pytest.mark.parametrize(
    ("environ", "source", "warns"),
    [
        ({"VASTAI_API_KEY": "b"}, "environment VASTAI_API_KEY", False),
        ({"VAST_API_KEY": "a", "VASTAI_API_KEY": "a"}, "environment VAST_API_KEY", False),
        ({"VAST_API_KEY": "a", "VASTAI_API_KEY": "b"}, "environment VAST_API_KEY", True),
        ({"VAST_API_KEY": " ", "VASTAI_API_KEY": "b"}, "environment VASTAI_API_KEY", False),
    ],
)
def test_the_first_variable_wins_and_a_different_second_one_warns(environ: dict[str, str], source: str, warns: bool):
    found = EnvironmentSource(environ).lookup(VAST)
    assert isinstance(found, FoundKey)
    assert (found.source, bool(found.warning)) == (source, warns)
    assert "VASTAI_API_KEY" in found.warning or not warns


def test_only_sources_that_were_read_give_no_key(file: Path):
    assert isinstance(secrets.find_key(VAST, [EnvironmentSource({}), FileSource(file)]), NoKey)
    secrets.set_key(file, OTHER, api_key("x"))
    assert isinstance(secrets.find_key(VAST, [FileSource(file)]), NoKey)


def test_a_home_chosen_by_its_folder_has_an_entry_of_its_own(tmp_path: Path):
    """Two homes may be on two accounts: one entry for both would mix them up (F45)."""
    usual = Home(data=tmp_path / "data", config=tmp_path / "config")
    assert secrets.entry_name(usual, "vast") == "vast"
    one, two = (Home(data=tmp_path / name, config=tmp_path / name) for name in ("one", "two"))
    assert secrets.entry_name(one, "vast") == f"vast@{tmp_path}/one" != secrets.entry_name(two, "vast")
    (tmp_path / "link").symlink_to("one")
    link = Home(data=tmp_path / "link", config=tmp_path / "link")
    assert secrets.entry_name(link, "vast") == secrets.entry_name(one, "vast")


def test_the_users_session_bus_is_used_where_none_is_set_and_one_listens(home: Path):
    folder = home.parent / "run"
    folder.mkdir()
    bare = {"XDG_RUNTIME_DIR": str(folder)}
    assert with_user_bus(bare) == bare
    (folder / "bus").touch()
    assert with_user_bus(bare) == bare  # a file is no bus
    (folder / "bus").unlink()
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(folder / "bus"))
        assert with_user_bus(bare) == {**bare, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
        named = {**bare, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/elsewhere"}
        assert with_user_bus(named) == named
        if os.geteuid() == 0:
            os.chown(folder / "bus", 65534, 65534)
            assert with_user_bus(bare) == bare  # another user's


def test_only_answers_of_all_sources_give_no_key(file: Path):
    """Without a bus it is unknown what the keyring holds (F105)."""
    found = secrets.find_key(VAST, [FileSource(file), KeyringSource({"vast": "vast"}, 1)])
    assert isinstance(found, KeyringUnavailable) and "no key" not in found.text
    assert found.hint.endswith("gpu-shopper keys set vast --file")
    secrets.set_key(file, VAST, api_key(CANARY))
    assert isinstance(secrets.find_key(VAST, [FileSource(file), KeyringSource({"vast": "vast"}, 1)]), FoundKey)


def test_a_refused_source_ends_the_search(file: Path):
    secrets.set_key(file, VAST, api_key(CANARY))
    file.chmod(0o640)
    found = secrets.find_key(VAST, [FileSource(file), EnvironmentSource({"VAST_API_KEY": "other"})])
    assert isinstance(found, KeyUnreadable)
    assert "chmod 600" in found.text and CANARY not in found.text


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(file: Path, mode: int):
    secrets.set_key(file, VAST, api_key(CANARY))
    file.chmod(mode)
    with pytest.raises(Misconfigured, match="other users"):
        secrets.read_key_file(file)
    with pytest.raises(Misconfigured):
        secrets.set_key(file, VAST, api_key("new"))


@needs_root
def test_a_file_of_another_user_is_refused(file: Path):
    secrets.set_key(file, VAST, api_key(CANARY))
    os.chown(file, 65534, 65534)
    with pytest.raises(Misconfigured, match="another user"):
        secrets.read_key_file(file)


def test_a_link_a_folder_and_a_pipe_are_refused(file: Path):
    file.parent.mkdir(parents=True)
    secrets.set_key(file.with_name("real"), VAST, api_key(CANARY))
    file.symlink_to("real")
    with pytest.raises(Misconfigured):
        secrets.read_key_file(file)
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(Misconfigured, match="regular"):
        secrets.read_key_file(file)


@pytest.mark.parametrize(
    "text",
    [f"[vast]\napi_key = {CANARY}", f"[vast\napi_key = '{CANARY}'", f"vast = '{CANARY}'", "[vast]\nkey = 'x'",
     f"[vast]\napi_key = ['{CANARY}']"],
)  # fmt: skip
def test_a_malformed_file_is_refused_without_quoting_it(file: Path, text: str):
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(0o600)
    found = FileSource(file).lookup(VAST)
    assert isinstance(found, KeyUnreadable)
    assert CANARY not in found.text


def test_set_is_private_from_the_start_and_keeps_the_others(file: Path):
    old = os.umask(0)
    try:
        secrets.set_key(file, VAST, api_key("a\"b\\c'd#"))
        secrets.set_key(file, OTHER, api_key("second"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert secrets.read_key_file(file) == {"vast": {"api_key": "a\"b\\c'd#"}, "other": {"api_key": "second"}}
    assert [p.name for p in file.parent.iterdir()] == ["keys.toml"]


def test_remove_says_whether_there_was_one(file: Path):
    assert secrets.remove_key(file, VAST.name) is False
    secrets.set_key(file, VAST, api_key("x"))
    secrets.set_key(file, OTHER, api_key("y"))
    assert secrets.remove_key(file, VAST.name) is True
    assert secrets.read_key_file(file) == {"other": {"api_key": "y"}}


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "ümlaut", "x" * 513])
def test_a_malformed_key_is_refused_without_quoting_it(key: str):
    found = EnvironmentSource({"VAST_API_KEY": key}).lookup(VAST)
    assert isinstance(found, KeyUnreadable)
    assert key not in found.text and "VAST_API_KEY" in found.text


@pytest.mark.parametrize("output", [b"", b'{"state": "failed", "reason": "TimeoutError"}\n'])
def test_a_keyring_that_fails_has_not_said_that_there_is_no_key(output: bytes):
    """Its library waits one second for the bus, and a child may be killed: a key in use stays in use (I11, F105)."""
    problem = answer_in(output)
    assert isinstance(problem, KeyProblem) and (problem.state, problem.source) == ("failing", "keyring")
    used = AccountSetup("vast", EmptyAccount(), "", "keyring", "")  # type: ignore[arg-type]
    assert not has_changed(used, AccountSetup("vast", None, problem.text, problem.source, "", key_state=problem.state))
    assert has_changed(used, AccountSetup("vast", None, "no key", "", "", key_state="missing"))
    assert problem.state in UNDECIDED and problem.source in NON_INTERACTIVE, "it is asked again each minute"
