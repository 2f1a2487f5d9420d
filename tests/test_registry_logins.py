"""Registry logins: stored beside the keys in their file; found, missing and unreadable are distinguished."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from gpushopper import log, secrets
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.secret import Secret
from gpushopper.daemon.keys.image_logins import ImageLogins
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.secrets import (
    FoundLogin,
    KeyringSource,
    KeyringUnavailable,
    KeyUnreadable,
    NoKey,
    StoredLogin,
    find_login,
)
from tests.credentials import VAST, api_key

TOKEN = "c4n4ry-0123456789abcdef"
OLD = '[vast]\napi_key = "old-key"\n\n'


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home / "keys.toml"


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def test_a_file_of_the_older_form_is_read_and_kept(file: Path):
    write(file, OLD)
    assert secrets.read_logins(file) == {}
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    assert secrets.read_key_file(file) == {"vast": {"api_key": "old-key"}}
    secrets.set_key(file, VAST, api_key("new-key"))
    assert secrets.read_logins(file) == {"ghcr.io": StoredLogin("alice", Secret(TOKEN))}
    assert secrets.remove_login(file, "ghcr.io") is True and secrets.remove_login(file, "ghcr.io") is False
    assert file.read_text() == '[vast]\napi_key = "new-key"\n\n'


def test_removing_a_key_keeps_the_logins(file: Path):
    secrets.set_key(file, VAST, api_key("x"))
    secrets.set_login(file, "localhost:5000", StoredLogin("a", None))
    assert secrets.remove_key(file, VAST.name) is True
    assert secrets.read_logins(file) == {"localhost:5000": StoredLogin("a", None)}
    assert file.read_text() == '[registry."localhost:5000"]\nuser = "a"\n\n'


def test_the_file_is_private_from_the_start(file: Path):
    old = os.umask(0)
    try:
        secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TOKEN not in repr(secrets.read_logins(file))


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o601])
def test_a_file_open_to_others_gives_no_login(file: Path, mode: int):
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    file.chmod(mode)
    found = find_login("ghcr.io", file, None)
    assert isinstance(found, KeyUnreadable) and "chmod 600" in found.text and TOKEN not in found.text
    with pytest.raises(Misconfigured):
        secrets.set_login(file, "ghcr.io", StoredLogin("alice", None))


@pytest.mark.parametrize(
    "text",
    [f'[registry]\nuser = "{TOKEN}"', f'registry = "{TOKEN}"', f'[registry."ghcr.io"]\npassword = "{TOKEN}"',
     f'[registry."ghcr.io"]\nuser = "a"\npassword = ["{TOKEN}"]', f'[registry."https://{TOKEN}"]\nuser = "a"',
     f'[registry."ghcr.io"]\nuser = "a"\npassword = {TOKEN}'],
)  # fmt: skip
def test_a_malformed_entry_is_refused_without_quoting_it(file: Path, text: str):
    write(file, text)
    found = find_login("ghcr.io", file, None)
    assert isinstance(found, KeyUnreadable) and TOKEN not in found.text + found.hint


@pytest.mark.parametrize("password", [f"{TOKEN} x", f"{TOKEN}$(id)", f"-{TOKEN}", "short"])
def test_a_hand_written_password_that_could_be_misread_is_refused(file: Path, password: str):
    write(file, f'[registry."ghcr.io"]\nuser = "alice"\npassword = "{password}"\n')
    found = find_login("ghcr.io", file, None)
    assert isinstance(found, KeyUnreadable) and password not in found.text
    assert found.hint == "run: gpu-shopper keys set ghcr.io --user NAME"


def test_a_file_that_cannot_be_opened_now_is_an_error(file: Path):
    """Too many open files say nothing about the login: whoever asks again may hear it."""
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, allowed[1]))
    try:
        with pytest.raises(Misconfigured, match="Too many open files"):
            find_login("ghcr.io", file, None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert isinstance(find_login("ghcr.io", file, None), FoundLogin)


def test_found_no_key_and_unreadable_are_distinguished(file: Path):
    none = find_login("ghcr.io", file, KeyringSource({"ghcr.io": "ghcr.io"}, 1))
    assert none == NoKey("no login at ghcr.io is stored", "run: gpu-shopper keys set ghcr.io --user NAME")
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", None))
    # The file says that the keyring has it, and no keyring can be read here.
    absent = find_login("ghcr.io", file, KeyringSource({"ghcr.io": "ghcr.io"}, 1))
    assert isinstance(absent, KeyringUnavailable) and absent.hint.endswith(
        "gpu-shopper keys set ghcr.io --user NAME --file"
    )
    off = find_login("ghcr.io", file, None)
    assert isinstance(off, KeyUnreadable) and "switch off" in off.text
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    found = find_login("ghcr.io", file, KeyringSource({"ghcr.io": "ghcr.io"}, 1))
    assert found == FoundLogin(ImageLogin("ghcr.io", "alice", Secret(TOKEN)), f"file {file}")


def test_what_the_daemon_reads_never_shows_in_its_log(file: Path):
    secrets.set_login(file, "ghcr.io", StoredLogin("alice", Secret(TOKEN)))
    redactor = log.Redactor()
    read = ImageLogins(Home(data=file.parent, config=file.parent), redactor)
    login = read("ghcr.io", 1)
    assert isinstance(login, ImageLogin)
    for echo in login.redactions():
        assert redactor.redact(f"docker login -p {echo}") == "docker login -p ***"
    assert isinstance(read("nvcr.io", 1), NoKey)
