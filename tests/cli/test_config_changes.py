"""`config get`, `set`, `unset` and `path`: what is written can be read back, and nothing else changes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gpushopper.toml_text import set_key
from tests.cli.in_process import Inside

HERE = """\
# mine
[brakes]
open_sessions = 3  # three at once
dollars_per_hour = "5"

[defaults.provision]
region = [
  "EU",  # home
]
"""


@pytest.fixture
def gs(home: Path) -> Inside:
    home.mkdir(parents=True, exist_ok=True)
    return Inside(home)


def test_a_setting_is_set_read_and_removed_again(gs: Inside, home: Path):
    path = home / "config.toml"
    path.write_text(HERE)
    for key, value, shown in (
        ("brakes.open_sessions", "7", "7"), ("brakes.creates_per_hour", "9", "9"), ("keys.keyring", "false", "false"),
        ("defaults.provision.region", "US,CA", "US, CA"), ("brakes.dollars_per_hour", "2.50", "$2.50"),
    ):  # fmt: skip
        done = gs("config", "set", key, value)
        assert (done.code, done.out) == (0, f"{key} is {shown} ({path})\n"), done.err
        assert gs("config", "get", key).out == f"{shown}\n"
    assert path.read_text().startswith("# mine\n[brakes]\n") and "[keys]\nkeyring = false\n" in path.read_text()
    assert gs("config", "unset", "brakes.open_sessions").out == "brakes.open_sessions is 4 (built in)\n"
    assert gs("config", "get", "brakes.open_sessions", "--json").json["origin"] == "built in"
    assert gs("config", "get", "defaults.provision.gpu").out == "\n"
    assert gs("config", "unset", "defaults.provision.gpu").out == "defaults.provision.gpu is not set\n"
    assert gs("config", "path").out == f"{path}\n"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("defaults.provision.gpu", "4090", 'gpu = "4090"'),
        ("defaults.provision.consumer", "007", 'consumer = "007"'),
        ("brakes.open_sessions", "007", 'open_sessions = "007"'),
        ("defaults.provision.exclude_host", "4471", 'exclude_host = "4471"'),
        ("keys.keyring", "True", "keyring = true"),
        ("brakes.dollars_per_hour", "$2.50", 'dollars_per_hour = "$2.50"'),
    ],
)
def test_a_value_is_typed_as_one_would_say_it(gs: Inside, home: Path, key: str, value: str, line: str):
    assert gs("config", "set", key, value).code == 0
    assert line in (home / "config.toml").read_text().splitlines()
    assert gs("config", "set", key, gs("config", "get", key).out.strip()).code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("unset brakes.open_session", 3, "did you mean brakes.open_sessions?"),
        ("unset nope.nope", 3, "there is no such setting"),
        ("unset providers.vast.endpoint", 0, ""),
        ("set nope.nope 3", 2, "see: gpu-shopper config"),
        ("set brakes.open_sessions many", 2, "brakes.open_sessions must be a whole number from 0 to 1000, not 'many'"),
        ("set brakes.open_session 3", 2, "did you mean brakes.open_sessions?"),
        ("set nonsense 3", 2, "a key is words with dots between"),
        ("set accounts.lab.enabled true", 2, "accounts.lab does not say which cloud it is at"),
        ("set vastai-key 0123456789abcdef", 2, "store it with: gpu-shopper keys set vast"),
        ("set providers.tensordock.api_token 0123456789abcdef", 2, "store it with: gpu-shopper keys set tensordock"),
        ("set providers.vast.endpoint ftp://x", 2, "providers.vast.endpoint must be an address"),
        ("get brakes.open_session", 3, "did you mean brakes.open_sessions?"),
        ("edit", 2, "not a terminal"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(gs: Inside, home: Path, words: str, code: int, said: str):
    path = home / "config.toml"
    path.write_text(HERE)
    ran = gs("config", *words.split())
    assert ran.code == code and said in ran.err and "0123456789abcdef" not in ran.err
    assert path.read_text() == HERE


def test_a_faulty_file_is_named_and_left_alone(gs: Inside, home: Path):
    (home / "config.toml").write_text("[brakes\n")
    ran = gs("config", "set", "brakes.open_sessions", "3")
    assert ran.code == 4 and "config.toml is not valid TOML" in ran.err


@pytest.mark.parametrize(
    "text", ["", HERE, HERE.rstrip(), "[keys]", '[a]\nb = """\nx\n"""\n', "top = 1\n[brakes]\n# c\n"]
)
@pytest.mark.parametrize("table", [("brakes",), ("defaults", "provision"), ("keys",)])
@pytest.mark.parametrize("literal", ["7", '"x = 1"', "true", None])
def test_one_key_changes_and_no_other(text: str, table: tuple[str, ...], literal: str | None):
    expected, found = tomllib.loads(text), tomllib.loads(set_key(text, table, "open_sessions", literal))
    for tree in (expected, found):
        inner = tree
        for name in table:
            inner = inner.setdefault(name, {})
        if tree is expected:
            inner.pop("open_sessions", None)
            inner.update({} if literal is None else tomllib.loads(f"open_sessions = {literal}"))
    assert found == expected
