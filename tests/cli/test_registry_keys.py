"""`keys` for a registry, in a home without a keyring: stored, listed, tested, removed, and never shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bad_days import Row, assert_says
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

TOKEN = "c4n4ry-0123456789abcdef"
SET = ("keys", "set", "ghcr.io", "--user", "alice")


@pytest.fixture
def gs(home: Path) -> Inside:
    return Inside(home)


def says(text: str, code: int, hint: str = ".") -> Row:
    return Row("", "", text, code, hint)


def listed(gs: Shell | Inside) -> list[dict[str, Any]]:
    return json.loads(gs("keys", "list", "--json").out)["registries"]


@pytest.mark.proofs
def test_a_login_is_stored_listed_tested_and_removed(gs: Inside, home: Path):
    assert listed(gs) == []
    stored = gs(*SET, "--file", stdin=f"{TOKEN}\n")
    assert stored.code == 0, stored
    assert stored.out.startswith(f"ghcr.io: login of alice stored in file {home}/keys.toml; only a rental can test it")
    assert stat.S_IMODE((home / "keys.toml").stat().st_mode) == 0o600
    source = f"file {home}/keys.toml"
    row = {"registry": "ghcr.io", "user": "alice", "state": "ok", "source": source, "text": "", "hint": ""}
    assert listed(gs) == [row]
    shown = gs("keys")
    assert shown.code == 0 and "CLOUD" in shown.out and "REGISTRY" in shown.out and "alice" in shown.out
    tested = gs("keys", "test", "ghcr.io")
    assert (tested.code, len(tested.out.splitlines())) == (0, 1) and "only a rental can test it" in tested.out
    # A new one takes its place there; the registry's other names are the same registry.
    assert "stored in file" in gs("keys", "set", "GHCR.io", "--user", "bob", stdin=TOKEN).out
    assert [each["user"] for each in listed(gs)] == ["bob"]
    # What it said and what it left: the token stands in the key file alone.
    assert TOKEN not in "".join(each.out + each.err for each in (stored, shown, tested))
    assert [p.name for p in home.rglob("*") if p.is_file() and TOKEN in p.read_text(errors="replace")] == ["keys.toml"]
    assert gs("keys", "remove", "ghcr.io").out == "ghcr.io: removed\n"
    assert gs("keys", "remove", "ghcr.io").out == "ghcr.io: there was no stored login\n"
    assert listed(gs) == [] and TOKEN not in (home / "keys.toml").read_text()


def test_without_a_keyring_nothing_is_stored_and_the_error_says_so(gs: Inside, home: Path):
    refused = gs(*SET, stdin=TOKEN)
    assert_says(refused, says("no system keyring", 4, "keys set ghcr.io --user NAME --file"))
    assert not (home / "keys.toml").exists()
    none = gs("keys", "test", "ghcr.io")
    assert_says(none, says("no login at ghcr.io is stored", 4, "keys set ghcr.io --user NAME"))


@pytest.mark.proofs
def test_an_old_password_that_stays_is_reported(gs: Inside, home: Path):
    """The keyring had it in another session; here there is none, or the settings leave it out."""
    home.mkdir(mode=0o700, exist_ok=True)
    for settings, why in (("", "no system keyring"), ("[keys]\nkeyring = false\n", "the settings switch off")):
        (home / "config.toml").write_text(settings)
        (home / "keys.toml").write_text('[registry."ghcr.io"]\nuser = "alice"\n')
        (home / "keys.toml").chmod(0o600)
        stored = gs(*SET, "--file", stdin=TOKEN)
        assert stored.code == 0 and "stored in file" in stored.out
        assert why in stored.err and "a former password of ghcr.io may still be in it" in stored.err
        again = gs(*SET, "--file", "--json", stdin=TOKEN)
        assert (again.code, json.loads(again.out)["warning"]) == (0, "")
        removed = gs("keys", "remove", "ghcr.io")
        assert (removed.code, removed.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "secret", "row"),
    [
        (("keys", "set", "ghcr.io"), TOKEN, says("ghcr.io is a registry: whose login", 2, "keys set ghcr.io --user")),
        (("keys", "set", "vast", "--user", "me"), TOKEN, says("a cloud's key has no user", 2, "leave out --user")),
        (SET, "", says("no key on stdin", 2, "keys set ghcr.io --user alice")),
        (SET, "two words-12", says("characters that a cloud could misread", 4, "access token")),
        (SET, "a$(id)bcdefg", says("characters that a cloud could misread", 4, "access token")),
        (SET, "short", says("fewer than 8 characters", 4, "access token")),
        (("keys", "set", "ghcr.io", "--user", "a b"), TOKEN, says("the user name has characters", 4, "access token")),
        (("keys", "set", "https://ghcr.io", "--user", "a"), TOKEN, says("is no registry", 2, "host or host:port")),
        (("keys", "set", "vats"), TOKEN, says("no cloud or account is called 'vats'", 3, "did you mean vast")),
        (("keys", "test", "nowhere"), "", says("no cloud or account is called 'nowhere'", 3, "known: vast")),
    ],
)
def test_what_cannot_be_stored_is_refused_in_one_line(gs: Inside, home: Path, words: Any, secret: str, row: Row):
    ran = gs(*words, *(("--file",) if words[1] == "set" else ()), stdin=secret)
    assert_says(ran, row)
    assert not secret or secret not in ran.err
    assert not (home / "keys.toml").exists()


@pytest.mark.proofs
def test_a_key_file_that_others_can_read_is_warned_of_and_gives_no_login(gs: Inside, home: Path):
    gs(*SET, "--file", stdin=TOKEN)
    (home / "keys.toml").chmod(0o644)
    assert json.loads(gs("keys", "--json").out)["keys"][0]["state"] == "refused"
    assert_says(gs("keys", "test", "ghcr.io"), says("can be read by other users", 4))


@pytest.mark.proofs
def test_a_restarted_sandbox_keeps_the_registry_logins_of_its_home(home: Path):
    gs = Shell(home, "--sandbox")
    try:
        assert gs("sandbox", "start").code == 0
        registry = json.loads(gs("sandbox", "status", "--json").out)["registry"]
        assert registry["image"].startswith(f"{registry['host']}/") and registry["host"] in gs("sandbox", "status").out
        assert registry["token"] not in gs("sandbox", "status").out
        stored = gs("keys", "set", registry["host"], "--user", registry["user"], stdin=registry["token"])
        assert f"stored in file {home}/sandbox/keys.toml" in stored.out, stored
        gs("sandbox", "stop")
        assert gs("sandbox", "start").code == 0
        assert [each["state"] for each in listed(gs)] == ["ok"]
        assert json.loads(gs("keys", "--json").out)["keys"][0]["state"] == "ok"
    finally:
        gs("sandbox", "stop")


def test_a_cloud_s_key_that_could_not_be_tested_is_no_success(gs: Inside, home: Path):
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text('[providers.vast]\nendpoint = "http://127.0.0.1:9"\n[keys]\nkeyring = false\n')
    stored = gs("keys", "set", "vast", "--file", stdin="0123456789abcdef")
    assert stored.code == 0 and "not tested, the cloud did not answer" in stored.out, stored
    assert_says(gs("keys", "test", "vast"), says("vast: the key could not be tested", 7, "gpu-shopper doctor"))
    assert gs("keys", "test", "vast", "--json").code == 7
