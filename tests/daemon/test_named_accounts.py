"""Named accounts in the configuration: a key of its own for each, and a line where that is not so."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gpushopper.paths import find_home
from gpushopper.secrets import read_key_file
from tests import toy_cloud
from tests.daemon.test_second_cloud import BOTH, RunOnce, Starting, configure, rows
from tests.toy_cloud import CONSOLE, ID, TOKEN

LAB = '[accounts.lab]\ncloud = "toy"\n'
OTHER_ID = "toy-id-9999"


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second account of the toy cloud; Vast and the keyring are switched off."""
    home.mkdir(mode=0o700)
    configure(more=LAB)
    monkeypatch.setenv("PYTHONPATH", f"{toy_cloud.install(home.parent / 'site')}{os.pathsep}{os.getcwd()}")
    return home.parent / "site"


def test_each_account_has_a_key_of_its_own(site: Path, once: RunOnce):
    assert once("keys-set", "toy", given=f"{ID}\n{TOKEN}\n")[0] == 0
    status, said = once("keys-set", "lab", given=f"{OTHER_ID}\n{TOKEN}\n")
    assert (status, said["account"]) == (0, f"of {OTHER_ID}"), said
    stored = read_key_file(find_home().key_file)
    assert {name: stored[name]["id"] for name in stored} == {"toy": ID, "lab": OTHER_ID}
    assert rows(once("keys-list")[1]) == {"vast": "missing", "tensordock": "missing", "toy": "ok", "lab": "ok"}
    assert once("keys-probe", "lab")[1]["account"] == f"of {OTHER_ID}"
    assert once("audit") == (0, {"ok": True, "rows": [], "unavailable": {}, "problems": 0, "clock_off_us": {}})
    assert once("keys-remove", "lab")[1]["removed"] is True
    assert rows(once("keys-list")[1]) == {"vast": "missing", "tensordock": "missing", "toy": "ok", "lab": "missing"}
    assert once("audit")[1]["unavailable"] == {"lab": "no Toy Cloud (lab) credentials"}, "named, so not silent"


def test_variables_hold_the_key_of_the_first_account_only(site: Path, once: RunOnce):
    assert rows(once("keys-list", **BOTH)[1]) == {
        "vast": "missing",
        "tensordock": "missing",
        "toy": "ok",
        "lab": "missing",
    }
    status, said = once("keys-probe", "lab", **BOTH)
    assert (status, said["error"]["code"]) == (4, "no_key")
    assert said["error"]["hint"].endswith("gpu-shopper keys set lab")


def test_two_accounts_with_one_key_are_one_line_and_exit_4(site: Path, once: RunOnce):
    assert once("keys-set", "toy", given=f"{ID}\n{TOKEN}\n")[0] == 0
    status, said = once("keys-set", "lab", given=f"{ID}\n{TOKEN}\n")
    assert (status, said["error"]["code"]) == (4, "same_account")
    assert said["error"]["message"] == "toy has this very key: they would be one account"
    assert TOKEN not in json.dumps(said) and "lab" not in read_key_file(find_home().key_file)


TENSORDOCK = """[providers.vast]
enabled = false
[providers.tensordock]
endpoint = "http://127.0.0.1:9"
[keys]
keyring = false
[accounts.tl]
cloud = "tensordock"
"""
PAIR_ID, PAIR_TOKEN = "4f1e-id-of-the-pair", "T" * 32


@pytest.mark.parametrize(
    ("first_id", "second_id", "order"),
    [
        (PAIR_ID, "", ("tensordock", "tl")),
        pytest.param("", "another-id-1234", ("tl", "tensordock"), marks=pytest.mark.proofs),
    ],
)
def test_one_token_is_one_key_whatever_id_stands_beside_it(
    site: Path, once: RunOnce, first_id: str, second_id: str, order: tuple[str, str]
):
    find_home().config_file.write_text(TENSORDOCK)
    assert once("keys-set", order[0], given=f"{first_id}\n{PAIR_TOKEN}\n")[0] == 0
    status, said = once("keys-set", order[1], given=f"{second_id}\n{PAIR_TOKEN}\n")
    assert (status, said["error"]["code"]) == (4, "same_account"), said
    assert "\n" not in said["error"]["message"] and order[1] not in read_key_file(find_home().key_file)
    assert once("keys-set", order[1], given=f"{second_id}\n{PAIR_TOKEN[1:]}U\n")[0] == 0


def test_a_key_of_the_environment_or_hidden_by_it_belongs_to_the_other_account_too(site: Path, once: RunOnce):
    find_home().config_file.write_text(TENSORDOCK)
    assert once("keys-set", "tensordock", given=f"{PAIR_ID}\n{PAIR_TOKEN}\n")[0] == 0
    set_now = {"TENSORDOCK_API_TOKEN": "E" * 32}
    for token, away in (("E" * 32, "unset TENSORDOCK_API_TOKEN"), (PAIR_TOKEN, "keys remove tensordock")):
        status, said = once("keys-set", "tl", given=f"\n{token}\n", **set_now)
        assert (status, said["error"]["code"]) == (4, "same_account"), said
        assert said["error"]["hint"].endswith(away)


@pytest.mark.parametrize("given", [f"{OTHER_ID}\n", pytest.param(f"\n{TOKEN}\n", marks=pytest.mark.proofs)])
def test_half_a_credential_of_a_named_account_is_one_line_and_exit_4(site: Path, once: RunOnce, given: str):
    status, said = once("keys-set", "lab", given=given)
    assert (status, said["error"]["code"]) == (4, "key_incomplete")
    assert "\n" not in said["error"]["message"]


@pytest.mark.parametrize(
    ("section", "name", "text"),
    [
        ('[accounts.lab]\ncloud = "nowhere"\n', "lab", "the account lab is at an unknown cloud nowhere"),
        ('[accounts.vast]\ncloud = "toy"\n', "vast", "the account vast of toy has the name of another cloud"),
    ],
)
def test_an_account_that_cannot_be_is_named_and_the_others_go_on(
    site: Path, once: RunOnce, section: str, name: str, text: str
):
    configure(more=section)
    if name == "lab":
        status, said = once("keys-set", name, given=f"{ID}\n{TOKEN}\n")
        assert (status, said["error"]["message"]) == (4, text)
    assert once("audit", **BOTH)[0] == 0
    (check,) = [check for check in once("doctor", **BOTH)[1]["checks"] if check["name"] == "configuration"]
    assert (check["ok"], check["text"]) == (False, text)


def test_a_daemon_has_a_reconciler_for_each_account(site: Path, start: Starting, once: RunOnce, wait_until: Any):
    find_home().config_file.write_text("[keys]\nkeyring = false\n" + LAB)
    assert once("keys-set", "lab", given=f"{OTHER_ID}\n{TOKEN}\n")[0] == 0
    running = start(**BOTH)
    wait_until(lambda: running.ask("GET", "/ready").status == 200)
    found = {row["name"]: row for row in running.ask("GET", "/api/v1/status").json["providers"]}
    assert {name: (row["account"], row["cloud"], row["state"], row["console"]) for name, row in found.items()} == {
        "toy": (f"of {ID}", "toy", "ready", CONSOLE),
        "lab": (f"of {OTHER_ID}", "toy", "ready", CONSOLE),
    }
    answer = running.ask("POST", "/api/v1/keys/same-account", {"provider": "lab"})
    assert (answer.status, answer.error["code"]) == (422, "account_is_told") or answer.error["exit"] == 2
    assert running.ask("POST", "/api/v1/keys/same-account", {"provider": "none"}).error["exit"] == 3
    find_home().config_file.write_text("[keys]\nkeyring = false\n" + LAB + '[accounts.new]\ncloud = "toy"\n')
    answer = running.ask("POST", "/api/v1/keys/reload", {})
    assert answer.error["message"] == "new is new in the configuration"
    assert "daemon restart" in answer.error["hint"]
    stored = once("keys-set", "new", given=f"{PAIR_ID}\n{TOKEN}\n")[1]
    assert stored["daemon"].startswith("has not read it: new is new in the configuration")
    assert "gpu-shopper daemon restart" in stored["daemon"]
