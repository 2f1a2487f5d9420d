"""One-shot jobs without a daemon, against a sandbox: one JSON line each, the secret only on stdin (S23)."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpushopper.paths import find_home
from gpushopper.secrets import read_key_file
from tests.daemon.conftest import Running

RunOnce = Callable[..., tuple[int, dict[str, Any]]]
Starting = Callable[..., Running]


@dataclass
class Market:
    url: str
    key: str


@pytest.fixture
def market(home: Path) -> Iterator[Market]:
    """A practice market as a process; the home is configured for it, without a key."""
    home.mkdir(mode=0o700)
    process = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.sandbox", "serve", "--home", str(home.parent / "m"), "--rate-gaps", "off"],
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    vast = json.loads(process.stdout.readline())["dialects"]["vast"]
    settings = f'[policy]\nname = "drill"\n[providers.vast]\nendpoint = "{vast["url"]}"\n[keys]\nkeyring = false\n'
    find_home().config_file.write_text(settings)
    yield Market(vast["url"], vast["keys"]["api_key"])
    process.terminate()
    process.communicate(timeout=60)


def test_a_key_is_stored_after_the_provider_has_accepted_it(market: Market, once: RunOnce):
    status, said = once("keys-set", "vast", given=f"{market.key}\n")
    assert status == 0 and said["ok"] is True
    assert (said["provider"], said["verified"], said["daemon"], said["warning"]) == ("vast", True, "not running", "")
    assert said["account"] and said["balance"] > 0
    assert said["source"] == f"file {find_home().key_file}"
    assert market.key not in json.dumps(said)
    assert read_key_file(find_home().key_file) == {"vast": {"api_key": market.key}}
    assert stat.S_IMODE(find_home().key_file.stat().st_mode) == 0o600
    status, said = once("keys-probe", "vast")
    assert (status, said["verified"], said["source"]) == (0, True, f"file {find_home().key_file}")
    (row,) = [row for row in once("keys-list")[1]["keys"] if row["provider"] == "vast"]
    assert (row["provider"], row["state"]) == ("vast", "ok")


def test_a_key_that_the_provider_refuses_is_not_stored(market: Market, once: RunOnce):
    status, said = once("keys-set", "vast", given="not-the-key-0123")
    assert (status, said["error"]["code"]) == (4, "key_rejected")
    assert said["error"]["hint"].startswith("nothing was stored; create a new one at ")
    assert not find_home().key_file.exists()


def test_a_refused_key_is_told_by_its_variable(market: Market, once: RunOnce):
    """Which is often one that a profile has set long ago; nothing is said to be stored."""
    assert once("keys-set", "vast", given=f"{market.key}\n")[0] == 0
    status, said = once("keys-probe", "vast", VAST_API_KEY="not-the-key-0123")
    assert (status, said["error"]["code"]) == (4, "key_rejected")
    assert said["error"]["message"] == "vast refuses the key in the environment (VAST_API_KEY)"
    assert "correct or unset VAST_API_KEY" in said["error"]["hint"] and "stored;" not in said["error"]["hint"]


def test_a_key_of_an_unreachable_provider_is_stored_unverified(home: Path, once: RunOnce):
    home.mkdir()
    find_home().config_file.write_text('[providers.vast]\nendpoint = "http://127.0.0.1:9"\n[keys]\nkeyring = false\n')
    status, said = once("keys-set", "vast", given="some-key-0123", VAST_API_KEY="another-key")
    assert (status, said["verified"]) == (0, False)
    assert said["detail"] and "VAST_API_KEY" in said["warning"]
    status, said = once("keys-remove", "vast", VAST_API_KEY="another-key")
    assert (status, said["removed"]) == (0, True) and "environment" in said["warning"]
    assert once("keys-remove", "vast")[1]["removed"] is False


@pytest.mark.parametrize(
    ("arguments", "given", "status", "code"),
    [
        (["keys-set", "vats"], "x", 3, "provider_not_found"),
        (["keys-set"], "x", 2, "usage"),
        (["keys-set", "vast"], "", 4, "bad_key_form"),
        (["keys-set", "vast"], "two words", 4, "bad_key_form"),
        (["keys-probe", "vast"], "", 4, "key_absent"),
        (["installation"], "", 2, "usage"),
        (["installation", "both"], "", 2, "usage"),
    ],
)
def test_an_error_of_a_one_shot_job_is_one_json_line(
    home: Path, once: RunOnce, arguments, given: str, status: int, code: str
):
    found, said = once(*arguments, given=given)
    assert (found, said["ok"], said["error"]["code"]) == (status, False, code)


@pytest.mark.proofs
def test_a_running_daemon_reads_a_new_key_at_once(market: Market, once: RunOnce, start: Starting, wait_until):
    running = start()
    assert running.ask("GET", "/api/v1/providers").json["providers"][0]["state"] == "keyless"
    assert once("keys-set", "vast", given=market.key)[1]["daemon"] == "reloaded"
    wait_until(lambda: running.ask("GET", "/api/v1/providers").json["providers"][0]["state"] == "ready")
    assert running.ask("GET", "/ready").status == 200
    assert running.ask("GET", "/health").json["ok"] is True
    # Through the daemon, which holds the lock; a moment later without it.
    status, said = once("audit")
    assert (status, said["rows"], said["problems"]) == (0, [], 0)
    running.end()
    status, again = once("audit")
    assert (status, {**again, "clock_off_us": {}}) == (0, {**said, "clock_off_us": {}})


@pytest.mark.proofs
def test_an_audit_of_an_unavailable_account_has_exit_code_9(home: Path, once: RunOnce):
    home.mkdir()
    find_home().config_file.write_text('[providers.vast]\nendpoint = "http://127.0.0.1:9"\n')
    status, said = once("audit", VAST_API_KEY="some-key-0123")
    assert said["unavailable"] and "vast" in said["unavailable"]
    assert status == 9


@pytest.mark.proofs
def test_a_copied_home_gets_an_installation_id_of_its_own(start: Starting, once: RunOnce, home: Path):
    first = start()
    before = first.ask("GET", "/api/v1/status").json["installation"]
    status, said = once("installation", "keep")
    assert (status, said["installation"], said["daemon"]) == (0, before, "stopped")
    assert first.process.wait(timeout=60) == 0
    status, said = once("installation", "new")
    assert status == 0 and said["installation"] != before and said["daemon"] == "not running"
    assert start().ask("GET", "/api/v1/status").json["installation"] == said["installation"]


def test_the_doctor_changes_nothing(home: Path, once: RunOnce):
    status, said = once("doctor")
    assert status == 9 and said["ok"] is True and said["daemon"] == "not running"
    assert {check["name"]: check["ok"] for check in said["checks"]} == {
        "configuration": True, "key vast": False, "key tensordock": False, "home": True,
        "file system": True, "keyring": True,
    }  # fmt: skip
    assert not home.exists()
    assert once("doctor", VAST_API_KEY="some-key-0123")[0] == 0


def rent(running: Running, name: str) -> str:
    """Plan and provision the cheapest offer; the session's id."""
    wish = {"duration_us": 3_600_000_000, "search": {"gpu": "RTX 4090"}}
    plan = running.ask("POST", "/api/v1/plan", wish, timeout_s=60).json
    asked = {name: plan[name] for name in ("offers", "disk_gb", "max_rate", "duration_us")}
    answer = running.ask("POST", "/api/v1/sessions", {**asked, "name": name}, Idempotency_Key="rent-" + name)
    assert answer.status == 202, answer.json
    (session,) = answer.json["sessions"]
    return session


@pytest.mark.sweep
def test_sessions_outlive_every_stop_of_the_daemon(market: Market, start: Starting, wait_until):
    first = start(VAST_API_KEY=market.key)
    wait_until(lambda: first.ask("GET", "/ready").status == 200)
    session = rent(first, "train")
    wait_until(lambda: first.ask("GET", "/api/v1/sessions/train").json["status"] == "running", timeout_s=60)
    first.end(9)
    second = start(VAST_API_KEY=market.key)
    assert second.ask("GET", "/api/v1/sessions/train").json["id"] == session
    status, said = second.end()
    assert status == 0
    assert "may still bill: train (vast" in said and "nothing was ended" in said
    third = start(VAST_API_KEY=market.key)
    assert third.ask("GET", "/api/v1/sessions/train").json["status"] == "running"
    assert third.ask("POST", "/api/v1/sessions/train/done", {"reason": "user"}).status == 202
    wait_until(lambda: third.ask("GET", "/api/v1/sessions/train").json["status"] == "stopped", timeout_s=60)
    (row,) = third.ask("GET", "/api/v1/costs").json["rows"]
    assert row["name"] == "train" and row["accrued"] > 0


def test_the_spending_limits_of_the_configuration_apply(market: Market, start: Starting, wait_until):
    file = find_home().config_file
    file.write_text(file.read_text() + "[brakes]\nopen_sessions = 0\n")
    running = start(VAST_API_KEY=market.key)
    wait_until(lambda: running.ask("GET", "/ready").status == 200)
    plan = running.ask("POST", "/api/v1/plan", {"search": {"gpu": "RTX 4090"}}, timeout_s=60).json
    asked = {name: plan[name] for name in ("offers", "disk_gb", "max_rate")}
    answer = running.ask("POST", "/api/v1/sessions", asked)
    assert (answer.status, answer.error["exit"]) == (409, 6)
    assert "brakes.open_sessions" in answer.error["hint"] + answer.error["message"]
