"""`doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.set_up.doctor import _account, show_checks
from gpushopper.cli.commands.set_up.doctor_checks import check, members, ssh
from gpushopper.client import JsonObject
from gpushopper.errors import ProblemsFound
from tests.cli.in_process import Inside, Stream


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


def test_on_a_terminal_each_check_is_told_in_whole_and_once(monkeypatch: pytest.MonkeyPatch):
    """A text is not cut, but goes on in the next line; what to do stands below."""
    text = (
        "no system keyring can be reached from here: no session bus, and "
        + "more of it, " * 5
        + "see: gpu-shopper keys test vast"
    )
    rows = [check("key vast", False, text, "create a key at cloud.vast.ai"), check("disk", True, "there is room")]
    out, err = Stream(is_terminal=True), Stream(is_terminal=True)
    app = new_app()
    app.color = "never"
    for width in ("60", "80"):
        monkeypatch.setenv("COLUMNS", width)
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(ProblemsFound):
            show_checks(app, rows)
    shown = " ".join(out.getvalue().split())
    assert " ".join(text.split()).split()[-8:] == shown.replace(" disk ok there is room", "").split()[-8:]
    assert "…" not in shown and max(map(len, out.getvalue().splitlines())) <= 80
    assert not any(line.endswith("gpu-shopper") for line in out.getvalue().splitlines()), "half a command is none"
    assert err.getvalue() == "key vast: create a key at cloud.vast.ai\n" * 2


def test_where_the_table_goes_into_a_file_what_is_wrong_is_told_beside_what_to_do(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ProblemsFound):
        show_checks(new_app(), [check("key vast", False, "there is none", "create one")])
    assert capsys.readouterr().err == "key vast: there is none; create one\n"


def test_without_keys_it_says_where_to_make_one_and_exits_9(home: Path):
    found = Inside(home)("doctor", VAST_API_KEY="", PATH="/nonexistent")
    assert found.code == 9 and "cloud.vast.ai (Account > Keys), then: gpu-shopper keys set vast" in found.err
    assert "none runs; the next command starts one" in found.out
    assert "ssh: there is no program ssh; install OpenSSH" in found.err
    assert not (home / "gpu-shopper.db").exists(), "it changes nothing"


def test_a_new_home(tmp_path: Path):
    """Below folders that are still missing: that of an account that is new, without ~/.local. A short path: sockets."""
    found = Inside(tmp_path / "a" / "b")("doctor", "--json", VAST_API_KEY="")
    (home,) = (check for check in found.json["checks"] if check["name"] == "home")
    assert home["ok"], home
    assert not (tmp_path / "a").exists(), "it changes nothing"


def test_a_cloud_that_does_not_answer_is_a_problem():
    row = JsonObject(name="vast", state="degraded", detail="timed out", last_complete_list_at=None, key_hint="")
    found = _account(row, 0)  # type: ignore[arg-type]
    assert not found["ok"] and "timed out" in found["text"] and "are you online?" in found["hint"]
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
