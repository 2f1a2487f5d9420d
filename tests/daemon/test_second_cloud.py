"""A second cloud, added by a package: silent without a key, one line with half a key, called with a whole one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpushopper import clouds
from gpushopper.paths import find_home
from gpushopper.secrets import read_key_file
from tests import toy_cloud
from tests.daemon.conftest import Running
from tests.toy_cloud import CONSOLE, ID, TOKEN

RunOnce = Callable[..., tuple[int, dict[str, Any]]]
Starting = Callable[..., Running]
LOCAL = """
[providers.vast]
endpoint = "http://127.0.0.1:9"
enabled = {}
[providers.tensordock]
enabled = false
[keys]
keyring = false
"""
BOTH = {"TOY_ID": ID, "TOY_TOKEN": TOKEN}


def configure(*, vast: str = "false", more: str = "") -> None:
    find_home().config_file.write_text(LOCAL.format(vast) + more)


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package is installed for child processes; the settings switch Vast and the keyring off."""
    home.mkdir(mode=0o700)
    configure()
    monkeypatch.setenv("PYTHONPATH", f"{toy_cloud.install(home.parent / 'site')}{os.pathsep}{os.getcwd()}")
    return home.parent / "site"


def rows(said: dict[str, Any]) -> dict[str, str]:
    return {row["provider"]: row["state"] for row in said["keys"]}


def test_a_whole_credential_reaches_the_adapter_in_all_its_parts(site: Path, once: RunOnce):
    status, said = once("keys-set", "toy", given=f"{ID}\n{TOKEN}\n")
    assert (status, said["verified"], said["account"]) == (0, True, f"of {ID}"), said
    assert read_key_file(find_home().key_file) == {"toy": {"id": ID, "token": TOKEN}}
    assert TOKEN not in json.dumps(said)
    assert once("keys-probe", "toy")[1]["account"] == f"of {ID}"
    assert rows(once("keys-list")[1]) == {**dict.fromkeys(clouds.BUILT_IN, "missing"), "toy": "ok"}
    assert once("audit") == (0, {"ok": True, "rows": [], "unavailable": {}, "problems": 0, "clock_off_us": {}})
    assert once("keys-remove", "toy")[1]["removed"] is True
    assert rows(once("keys-list")[1])["toy"] == "missing"
    assert once("keys-probe", "toy", **BOTH)[1]["source"] == "environment TOY_ID, TOY_TOKEN"


def test_a_credential_that_the_cloud_refuses_is_not_stored(site: Path, once: RunOnce):
    status, said = once("keys-set", "toy", given=f"{ID}\nwrong-token\n")
    assert (status, said["error"]["code"]) == (4, "key_rejected")
    assert "make a new key at toy.example (Developers)" in said["error"]["hint"]
    assert not find_home().key_file.exists()


@pytest.mark.parametrize("given", [f"{ID}\n", f"\n{TOKEN}\n", f"{ID}\n{TOKEN}\nred\nmore\n", f"{ID}\ntwo words\n"])
def test_what_is_not_a_whole_credential_is_not_stored(site: Path, once: RunOnce, given: str):
    status, said = once("keys-set", "toy", given=given)
    assert status == 4 and said["error"]["code"] in ("key_incomplete", "bad_key_form")
    assert "token" in said["error"]["message"] + said["error"]["hint"] or "id" in said["error"]["message"]
    assert not find_home().key_file.exists()


def test_a_key_can_be_removed_after_its_package(site: Path, once: RunOnce):
    find_home().key_file.write_text(f'[gone]\nid = "{ID}"\n\n[registry."ghcr.io"]\nuser = "me"\npassword = "p"\n')
    find_home().key_file.chmod(0o600)
    assert once("keys-remove", "gone")[1]["removed"] is True
    assert "gone" not in find_home().key_file.read_text()
    status, said = once("keys-remove", "gone")
    assert (status, said["error"]["message"]) == (3, "no cloud or account is called 'gone'")
    assert once("keys-remove", "registry")[0] == 3 and "ghcr.io" in find_home().key_file.read_text()


def test_half_a_credential_in_the_environment_hides_the_stored_one(site: Path, once: RunOnce):
    status, said = once("keys-set", "toy", given=f"{ID}\n{TOKEN}\n", TOY_ID=ID)
    assert status == 0 and "TOY_TOKEN is missing" in said["warning"] and "takes precedence" in said["warning"]


def test_half_a_credential_is_one_line_and_exit_4(site: Path, once: RunOnce):
    assert rows(once("keys-list", TOY_ID=ID)[1])["toy"] == "incomplete"
    status, said = once("keys-probe", "toy", TOY_ID=ID)
    assert (status, said["error"]["code"]) == (4, "key_incomplete")
    assert "TOY_TOKEN is missing" in said["error"]["message"] and "set TOY_ID and TOY_TOKEN" in said["error"]["hint"]
    status, said = once("audit", TOY_ID=ID)
    assert status == 9 and "TOY_TOKEN" in said["unavailable"]["toy"]


def test_without_any_key_a_job_says_what_to_do(site: Path, once: RunOnce):
    status, said = once("audit")
    assert (status, said["error"]["message"]) == (4, "no Toy Cloud credentials")
    assert said["error"]["hint"] == "create one at toy.example (Developers), then: gpu-shopper keys set toy"


def test_the_doctor_says_nothing_of_a_cloud_that_nobody_uses(site: Path, once: RunOnce):
    configure(vast="true")
    checks = {check["name"] for check in once("doctor", VAST_API_KEY="some-key-0123")[1]["checks"]}
    assert "key vast" in checks and "key toy" not in checks
    assert "key toy" in {check["name"] for check in once("doctor", TOY_ID=ID)[1]["checks"]}


def test_a_daemon_is_silent_about_a_cloud_without_a_key(site: Path, start: Starting, wait_until: Any):
    find_home().config_file.write_text("[keys]\nkeyring = false\n")
    running = start(**BOTH)
    wait_until(lambda: running.ask("GET", "/ready").status == 200)
    (row,) = running.ask("GET", "/api/v1/status").json["providers"]
    assert (row["name"], row["account"], row["state"], row["console"]) == ("toy", f"of {ID}", "ready", CONSOLE)
    assert running.ask("GET", "/health").json["problems"] == []
    assert running.ask("GET", "/api/v1/audit").json["unavailable"] == {}
    answer = running.ask("POST", "/api/v1/plan", {"search": {"gpu": "4090", "provider": "vast"}})
    assert answer.error["exit"] == 4, answer.error
    assert answer.error["message"] == "no Vast.ai API key"
    assert TOKEN not in find_home().log.read_text()


@pytest.mark.parametrize(
    ("modules", "environ"),
    [({"toycloud": "1 / 0"}, {}), ({"toycloud_adapter": "1 / 0"}, BOTH), ({"toycloud_adapter": "x = 1"}, BOTH)],
)
def test_a_broken_package_stops_no_daemon_and_is_named(
    home: Path, start: Starting, monkeypatch: pytest.MonkeyPatch, modules: dict[str, str], environ: dict[str, str]
):
    home.mkdir(mode=0o700)
    configure(vast="true", more="[providers.toy]\nenabled = true\n")
    site = toy_cloud.install(home.parent / "site", **modules)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.getcwd()}")
    running = start(**environ)
    status = running.ask("GET", "/api/v1/status").json
    named = json.dumps(status["skipped_clouds"]) + json.dumps([p for p in status["providers"] if p["name"] == "toy"])
    assert "toycloud" in named or "Toy Cloud" in named
    assert "Error" in named and TOKEN not in named


def test_an_uninstalled_package_stops_neither_daemon_nor_job(home: Path, start: Starting, once: RunOnce):
    home.mkdir(mode=0o700)
    configure(vast="true", more="[providers.toy]\nenabled = true\n")
    key = {"VAST_API_KEY": "some-key-0123"}
    (check,) = [check for check in once("doctor", **key)[1]["checks"] if check["name"] == "configuration"]
    assert (check["ok"], check["text"]) == (False, "the configuration names an unknown provider toy")
    for job in ("keys-list", "audit"):
        assert once(job, **key)[1].get("warnings") == ["the configuration names an unknown provider toy"], job
    assert once("keys-list", **key)[0] == 0
    running = start(**key)
    assert [row["name"] for row in running.ask("GET", "/api/v1/status").json["providers"]] == ["vast"]
    assert running.ask("POST", "/api/v1/keys/reload", {}).status == 200
    assert "unknown provider toy" in find_home().log.read_text()
