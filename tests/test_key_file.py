"""Changing one entry of the key file keeps every other byte."""

from __future__ import annotations

import stat
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import secrets
from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured
from gpushopper.secrets import StoredLogin
from tests.credentials import VAST, api_key

KEPT = """\
# Keys of the laboratory; ask Ada before changing them.
[other]   # another program of ours
api_key = "other-key"
region = 'eu'
limits = { daily = 20, names = ["a", "b"] }

[other.deep]
text = \"\"\"
[vast]
api_key = "not a table"
\"\"\"

[cloud-of-tomorrow]
token = "t"

"""
VAST_TABLE = """\
[vast]
# rotated in spring
team = "red"
api_key = "old" # of the laboratory

"""
LOGINS = """\
# read only
[registry."ghcr.io"]
user = "alice"
password = "p4ss"
scope = "read:packages"

[registry."localhost:5000"]
user = "bob"
"""
NEW = 'a"b\\\\c'
"""A key that needs escapes."""


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home / "keys.toml"


def write(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    file.chmod(0o600)


def read(file: Path) -> str:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name], "nothing is left beside it"
    return file.read_bytes().decode()


def keys_in(file: Path) -> dict[str, str]:
    return {name: table["api_key"] for name, table in secrets.read_key_file(file).items() if "api_key" in table}


def test_a_new_key_replaces_only_the_old_one(file: Path):
    write(file, KEPT + VAST_TABLE + LOGINS)
    secrets.set_key(file, VAST, api_key(NEW))
    assert read(file) == KEPT + VAST_TABLE.replace('"old"', '"a\\"b\\\\\\\\c"') + LOGINS
    assert keys_in(file) == {"other": "other-key", "vast": NEW}


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_first_key_is_added_and_nothing_else_changes(file: Path, end: str):
    write(file, KEPT + LOGINS.rstrip("\n") + end)
    secrets.set_key(file, VAST, api_key(NEW))
    text = read(file)
    added = text.replace(KEPT.rstrip("\n"), "").replace(LOGINS.rstrip("\n"), "").split()
    assert added == ["[vast]", "api_key", "=", '"a\\"b\\\\\\\\c"']
    assert secrets.read_logins(file)["ghcr.io"].user == "alice"


def test_removing_a_key_changes_nothing_else(file: Path):
    write(file, KEPT + VAST_TABLE + LOGINS)
    assert secrets.remove_key(file, VAST.name) is True
    assert read(file) == KEPT + LOGINS


def test_a_login_is_changed_added_and_removed_alone(file: Path):
    write(file, KEPT + VAST_TABLE + LOGINS)
    secrets.set_login(file, "ghcr.io", StoredLogin("carol", Secret("n3w")))
    changed = LOGINS.replace("alice", "carol").replace("p4ss", "n3w")
    assert read(file) == KEPT + VAST_TABLE + changed
    secrets.set_login(file, "ghcr.io", StoredLogin("carol", None))
    changed = changed.replace('password = "n3w"\n', "")
    assert read(file) == KEPT + VAST_TABLE + changed
    secrets.set_login(file, "docker.io", StoredLogin("dan", None))
    assert read(file) == KEPT + VAST_TABLE + changed + '\n[registry."docker.io"]\nuser = "dan"\n\n'
    assert secrets.remove_login(file, "docker.io") is True
    assert secrets.remove_login(file, "ghcr.io") is True
    assert tomllib.loads(read(file)) == tomllib.loads(KEPT + VAST_TABLE + '[registry."localhost:5000"]\nuser = "bob"\n')
    assert "# read only" in read(file)


def test_lines_that_end_as_on_windows_stay_so(file: Path):
    write(file, (KEPT + VAST_TABLE).replace("\n", "\r\n"))
    secrets.set_key(file, VAST, api_key("new"))
    assert read(file) == (KEPT + VAST_TABLE).replace('"old"', '"new"').replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    ['vast = { api_key = "old" }\n', 'vast.api_key = "old"\n', '[vast]\n"api_key" = """\nold"""\n'],
)
def test_a_form_that_cannot_be_changed_safely_is_not_changed(file: Path, text: str):
    write(file, text)
    with pytest.raises(Misconfigured) as refused:
        secrets.set_key(file, VAST, api_key("n3w-key"))
    assert "by hand" in refused.value.message and "n3w-key" not in str(refused.value)
    assert read(file) == text


def test_a_file_that_is_too_large_is_not_changed(file: Path):
    text = VAST_TABLE + "#" * 300_000
    write(file, text)
    with pytest.raises(Misconfigured, match="large"):
        secrets.set_key(file, VAST, api_key("new"))
    assert read(file) == text


def test_a_table_of_an_unknown_provider_hides_no_key(file: Path):
    write(file, KEPT + VAST_TABLE)
    assert keys_in(file) == {"other": "other-key", "vast": "old"}


def test_two_changes_at_once_lose_nothing(file: Path):
    write(file, "")
    names = [f"cloud{number}" for number in range(8)]
    changes = [(file, replace(VAST, name=name), api_key(f"key-{name}")) for name in names]
    threads = [threading.Thread(target=secrets.set_key, args=change) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys_in(file) == {name: f"key-{name}" for name in names}
