"""Logins at registries in the system's keyring: stored, used, and the ways to fail told apart (D15, F105).

Everything goes through the installed command, over real buses with a real keyring.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.bad_days import Row, assert_says
from tests.cli.keyrings import (
    RENT,
    SOURCE,
    Bus,
    Home,
    assert_key_nowhere,
    homes,
    key_row,
    needs_keyring,
    session_in,
    short_folder,
)
from tests.cli.market_process import Market, serve

TOKEN = "c4n4ry-0123456789abcdef"
SET = ("keys", "set", "ghcr.io", "--user", "alice")
PRIVATE = ("--image", "ghcr.io/alice/private:1", "--image-login")
pytestmark = [pytest.mark.proofs, needs_keyring]


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture(scope="module")
def market(top: Path) -> Iterator[Market]:
    with serve(top / "market") as found:
        yield found


@pytest.fixture
def bus(top: Path) -> Iterator[Bus]:
    with session_in(top) as found:
        yield found


@pytest.fixture
def make(top: Path, market: Market) -> Iterator[Callable[..., Home]]:
    with homes(top, market.url) as build:
        yield build


def login_row(home: Home) -> dict[str, Any]:
    """What `keys list` says about the one registry."""
    ran = home("keys", "list", "--json")
    assert ran.code == 0, ran
    (row,) = json.loads(ran.out)["registries"]
    return row


def test_a_login_is_kept_there_used_and_forgotten(make: Callable[..., Home], bus: Bus, market: Market):
    bus.log_in()
    home, other = make(bus), make(bus)
    # Real times: a keyring on a busy computer may be slower than a drill's create.
    home.write({"config.toml": f'[policy]\nname = "paper"\n[providers.vast]\nendpoint = "{market.url}"\n'})
    assert home("keys", "set", "vast", stdin=market.key).code == 0
    missing = home(*RENT.split(), *PRIVATE)
    assert_says(missing, Row("", "", "no login at ghcr.io is stored", 4, "keys set ghcr.io --user NAME"))
    stored = home(*SET, stdin=f"{TOKEN}\n")
    assert stored.code == 0 and f"login of alice stored in {SOURCE}" in stored.out, stored
    assert bus.entries() == f"['ghcr.io@{home.folder}', 'vast@{home.folder}']"
    # The file says where the password is, and has none.
    assert (home.folder / "keys.toml").read_text() == '[registry."ghcr.io"]\nuser = "alice"\n\n'
    row = login_row(home)
    assert (row["user"], row["state"], row["source"]) == ("alice", "ok", SOURCE)
    assert json.loads(other("keys", "--json").out)["registries"] == []
    assert SOURCE in home.must("keys", "test", "ghcr.io")
    rented = home(*RENT.split(), "--name", "train", *PRIVATE)
    assert rented.code == 0 and "vast and the host will see your login at ghcr.io" in rented.err, rented
    assert_key_nowhere(home, TOKEN)
    assert home("shutdown", "train", "--yes").code == 0
    assert "removed" in home.must("keys", "remove", "ghcr.io")
    assert bus.entries() == f"['vast@{home.folder}']"
    assert json.loads(home.must("keys", "--json"))["registries"] == []


def test_a_login_in_a_locked_keyring_refuses_the_rental_and_the_file_does_without(
    make: Callable[..., Home], bus: Bus, market: Market
):
    bus.log_in()
    home = make(bus)
    assert home("keys", "set", "vast", "--file", stdin=market.key).code == 0
    assert home(*SET, stdin=TOKEN).code == 0
    bus.lock()
    locked = rf"the system {re.escape(SOURCE)} is locked"
    assert (login_row(home)["state"], key_row(home)["state"]) == ("locked", "ok")
    for words in (RENT.split() + list(PRIVATE), ["keys", "test", "ghcr.io"], SET, ["keys", "remove", "ghcr.io"]):
        assert_says(home(*words, stdin=TOKEN), Row("", "", locked, 4, "unlock it.*keys test ghcr.io$"))
    assert login_row(home)["state"] == "locked", "what could not be forgotten is still named"
    assert json.loads(home.must("ls", "--json"))["sessions"] == []
    in_file = home(*SET, "--file", stdin=TOKEN)
    assert in_file.code == 0 and "stored in file" in in_file.out
    assert re.search(f"{locked}; a former password of ghcr.io may still be in it", in_file.err), in_file
    assert login_row(home)["source"].startswith("file ")
    home.must(*RENT.split(), "--name", "train", *PRIVATE)
    assert home("shutdown", "train", "--yes").code == 0
    removed = home("keys", "remove", "ghcr.io")
    assert removed.code == 0 and removed.out == "ghcr.io: removed\n"
    assert re.search(f"{locked}; a former password of ghcr.io may still be in it", removed.err), removed
    assert TOKEN not in (home.folder / "keys.toml").read_text()


def test_a_login_that_moves_to_the_file_leaves_no_password_in_the_keyring(make: Callable[..., Home], bus: Bus):
    bus.log_in()
    home = make(bus)
    assert home(*SET, stdin="an-0lder-password").code == 0
    assert bus.entries() == f"['ghcr.io@{home.folder}']"
    moved = home(*SET, "--file", stdin=TOKEN)
    assert (moved.code, moved.err) == (0, "") and "stored in file" in moved.out
    assert bus.entries() == "[]"
    assert home("keys", "remove", "ghcr.io").err == ""


def test_a_password_in_the_file_is_forgotten_whatever_the_keyring_does(
    make: Callable[..., Home], bus: Bus, market: Market
):
    bus.fall_silent()
    home = make(bus, "[keys]\nkeyring_seconds = 1\n")
    assert home(*SET, "--file", stdin=TOKEN).err == "", "nothing was ever stored elsewhere"
    removed = home("keys", "remove", "ghcr.io", "--json")
    assert removed.code == 0 and json.loads(removed.out)["removed"] is True, removed
    assert "did not answer within 1 s" in json.loads(removed.out)["warning"]
    assert TOKEN not in (home.folder / "keys.toml").read_text()


def test_a_login_in_an_absent_and_in_a_hung_keyring_are_two_things(make: Callable[..., Home], bus: Bus, market: Market):
    home = make(None)
    # As it was stored in a session that is over now: the file says that the keyring has the password.
    home.write({"keys.toml": f'[vast]\napi_key = "{market.key}"\n\n[registry."ghcr.io"]\nuser = "alice"\n'})
    absent = home(*RENT.split(), *PRIVATE)
    assert_says(absent, Row("", "", "no session bus", 4, "keys set ghcr.io --user NAME --file"))
    assert login_row(home)["state"] == "absent"
    home.must("daemon", "stop")
    bus.fall_silent()
    home.enter(bus)
    home.settle(market.url, "[keys]\nkeyring_seconds = 1\n")
    assert login_row(home)["state"] == "hung"
    for words in (RENT.split() + list(PRIVATE), ["keys", "test", "ghcr.io"], SET):
        assert_says(home(*words, stdin=TOKEN), Row("", "", "did not answer within 1 s", 4, "--user NAME --file"))
    # Whoever rents without it waits for nothing.
    home.must(*RENT.split(), "--name", "train")
    assert home("shutdown", "train", "--yes").code == 0
