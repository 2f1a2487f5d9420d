"""`doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.cli.commands.set_up.doctor import _account
from gpushopper.cli.commands.set_up.doctor_checks import members, ssh
from gpushopper.client import JsonObject
from tests.cli.in_process import Inside


def test_where_all_is_well_every_check_is_ok(inside: Inside):
    found = inside("doctor", "--json")
    checks = {check["name"]: check for check in found.json["checks"]}
    names = {"configuration", "key vast", "home", "ssh", "disk", "daemon", "cloud vast", "cloud tensordock",
             "file system", "keyring", "clock", "namespaces", "unit"}  # fmt: skip
    assert names <= set(checks)
    problems = [check for name, check in checks.items() if not check["ok"] and name != "alarms"]
    assert problems == [] and all(
        check["ok"] is not bool(check["hint"]) or check["optional"] for check in checks.values()
    ), "what is not fulfilled says what to do, and nothing else does"
    assert checks["clock"]["text"] == "within 2m of the clouds'"


def test_without_keys_it_says_where_to_make_one_and_exits_9(home: Path):
    found = Inside(home)("doctor", VAST_API_KEY="", PATH="/nonexistent")
    assert found.code == 9 and "cloud.vast.ai (Account > Keys), then: gpu-shopper keys set vast" in found.err
    assert "none runs; the next command starts one" in found.out
    assert "ssh: there is no program ssh; install OpenSSH" in found.err
    assert not (home / "gpu-shopper.db").exists(), "it changes nothing"


def test_a_cloud_that_does_not_answer_is_a_problem():
    row = JsonObject(name="vast", state="degraded", detail="timed out", last_complete_list_at=None, key_hint="")
    check = _account(row, 0)  # type: ignore[arg-type]
    assert not check["ok"] and "timed out" in check["text"] and "are you online?" in check["hint"]
    starting = JsonObject({**row, "state": "starting", "detail": ""})
    assert not _account(starting, 0)["ok"], "nobody knows yet whether its key is accepted"  # type: ignore[arg-type]
    ready = JsonObject({**row, "state": "ready", "detail": "", "last_complete_list_at": 0})
    assert _account(ready, 0)["ok"]  # type: ignore[arg-type]


def test_a_program_that_does_not_run_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "ssh"
    broken.write_text("no program")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not ssh()["ok"] and "OpenSSH" in ssh()["hint"]


def test_members_of_a_lab_server_are_a_check_where_there_are_any():
    assert members("", "") == []
    (well,), (ill,) = members("/srv/x/daemon.sock", ""), members("/srv/x/daemon.sock", "there is no group gpulab")
    assert (well["ok"], well["text"], ill["ok"], ill["text"]) == (
        True, "can connect at /srv/x/daemon.sock", False, "there is no group gpulab",
    )  # fmt: skip
