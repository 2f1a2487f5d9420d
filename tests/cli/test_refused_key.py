"""A key that its cloud refuses is told by where it is from: a stale variable in a profile is found by its name."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.secrets import refused_key
from tests.cli.conftest import Shell
from tests.forked import Forks

ENVIRONMENT = "environment VAST_API_KEY"


@pytest.mark.parametrize(
    ("source", "said", "todo"),
    [
        (ENVIRONMENT, "in the environment (VAST_API_KEY)", "correct or unset VAST_API_KEY"),
        ("environment A_ID, A_TOKEN", "in the environment (A_ID, A_TOKEN)", "correct or unset A_ID, A_TOKEN"),
        ("file k.toml", "in k.toml", "gpu-shopper keys set vast"),
        ("keyring (KWallet)", "in the keyring (KWallet)", "gpu-shopper keys set vast"),
    ],
)
def test_each_source_in_words_and_what_to_do_there(source: str, said: str, todo: str):
    assert refused_key.refusal("vast", source) == f"vast refuses the key {said}"
    assert todo in refused_key.remedy("vast", source)


def test_a_key_whose_source_is_not_known_is_refused_all_the_same():
    assert refused_key.refusal("vast", "") == "vast refuses the key"


WITHOUT_A_DAEMON = ("keys test vast", "doctor", "audit", "watchdog --installation aaaaaaaaaa")
WITH_ONE = (
    *WITHOUT_A_DAEMON[:3], "keys ls", "status", "inventory", "inventory -p vast", "plan -g 4090 -p vast",
    "provision -g 4090 -p vast -y",
)  # fmt: skip


@pytest.fixture(scope="module")
def wrong(cli_forks: Forks) -> Iterator[Shell]:
    """A sandbox whose key file has another key than its Vast knows; no daemon runs."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    shell = Shell(top, "--sandbox", forks=cli_forks)
    assert shell("sandbox", "start").code == 0
    file = top / "sandbox" / "keys.toml"
    file.write_text(re.sub(r'(\[vast\]\napi_key = )"[^"]*"', r'\1"not-the-key-0123"', file.read_text()))
    yield shell
    shell("sandbox", "stop")
    shutil.rmtree(top, ignore_errors=True)


@pytest.mark.proofs  # a sandbox and a daemon of its own; the words have quick twins
def test_every_command_that_meets_it_names_the_place(wrong: Shell, wait_until: Callable[..., None]):
    said = f"vast refuses the key in {wrong.home / 'sandbox' / 'keys.toml'}"
    for line in WITHOUT_A_DAEMON:
        ran = wrong(*line.split())
        assert said in ran.out + ran.err, (line, ran)
    assert wrong("daemon", "start").code == 0
    wait_until(lambda: said in wrong("status").out)
    for line in WITH_ONE:
        ran = wrong(*line.split())
        assert said in ran.out + ran.err, (line, ran)
    (row,) = [row for row in wrong("keys", "ls", "--json").json["keys"] if row["provider"] == "vast"]
    assert row["state"] == "rejected" and "gpu-shopper --sandbox keys set vast" in row["hint"]
