"""Results come home before a real end: 2,000 files, a hook, a link that is cut, a hook that hangs (ends.md E7)."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

PULL = b"exec /bin/sh -s gpu-shopper-pull"
MAKE = "mkdir -p out/a && for i in $(seq 2000); do echo $i >out/a/$i; done && head -c {size} /dev/urandom >out/big"


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 13, "--live") as made:
        yield made


def session_of(sandbox: SandboxHome, name: str) -> dict[str, Any]:
    return sandbox.session(name)


def events(sandbox: SandboxHome) -> list[dict[str, Any]]:
    return list(json.loads(sandbox.must("events", "--json"))["events"])


def kinds(sandbox: SandboxHome) -> list[str]:
    return [row["kind"] for row in events(sandbox)]


def open_alarms(sandbox: SandboxHome) -> list[str]:
    return [row["kind"] for row in json.loads(sandbox.must("alarms", "--json"))["alarms"]]


def provision(sandbox: SandboxHome, name: str, local: Path, *more: str) -> None:
    words = ("provision", "--gpu", "RTX 4090", "--name", name, "--yes", "--pull", f"out:{local}")
    sandbox.must(*words, *(more or ("--for", "20m")))


def test_an_idle_instance_is_pulled_verified_and_ended_with_its_link_cut_in_the_middle(
    sandbox: SandboxHome, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    provision(sandbox, "train", tmp_path, "--for", "20m", "--idle", "20s", "--before-end", "echo last >out/last")
    sandbox.must("ssh", "train", "--", MAKE.format(size=200_000_000))
    number = session_of(sandbox, "train")["attempts"][-1]["instance_id"]
    wait_until(lambda: cut(sandbox, tmp_path, number), timeout_s=180)
    wait_until(lambda: "pull_failed" in kinds(sandbox), timeout_s=60)
    assert session_of(sandbox, "train")["end_stage"] == "", "it is held"
    assert "not_pulled" in open_alarms(sandbox)
    wait_until(lambda: session_of(sandbox, "train")["end_stage"] == "proven", timeout_s=150)
    found = kinds(sandbox)
    assert found.index("pull_failed") < found.index("pulled") < found.index("end_requested")
    assert session_of(sandbox, "train")["reason"] == "idle" and "not_pulled" not in found
    withdrawn = [row["data"] for row in events(sandbox) if row["kind"] == "ending_withdrawn"]
    assert "in_use" not in [data["cause"] for data in withdrawn], ("a pull is no use", withdrawn)
    assert "not_pulled" not in open_alarms(sandbox)
    (home,) = tmp_path.iterdir()
    assert home.name == "train-out" and len(list((home / "a").iterdir())) == 2000
    assert (home / "big").stat().st_size == 200_000_000 and (home / "last").read_text() == "last\n"


def cut(sandbox: SandboxHome, local: Path, number: str) -> bool:
    """Take the host off the net while the big file is being pulled; whether it was. The copy stands still meanwhile."""
    home = os.fsencode(sandbox.home)
    with suppress(FileNotFoundError):  # small files get their names meanwhile
        if not any(path.stat().st_size > 20_000_000 for path in local.glob("*.partial/.gs-*")):
            return False
    for folder in Path("/proc").iterdir():
        words = command_line(folder) if folder.name.isdecimal() else []
        if words[:1] == [b"ssh"] and words[-2:-1] == [PULL] and any(home in word for word in words):
            os.kill(int(folder.name), signal.SIGSTOP)
            sandbox.fault("host", "offline", "5s", "--instance", number)
            os.kill(int(folder.name), signal.SIGCONT)
            return True
    return False


def command_line(folder: Path) -> list[bytes]:
    try:
        return (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def test_a_hook_that_hangs_is_cut_at_its_cap_and_done_pulls_first(
    sandbox: SandboxHome, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    provision(sandbox, "train", tmp_path, "--for", "20m", "--before-end", "sleep 10000")
    sandbox.must("ssh", "train", "--", "mkdir out && echo 1 >out/a")
    wait_until(lambda: session_of(sandbox, "train")["limits"]["confirmed"], timeout_s=60)
    # The hook alone takes half a minute: while results come home, no time limit passes.
    done = sandbox.run("done", "train", "--yes", "--timeout", "20s", "--wait", "off")
    assert done.returncode == 0 and "is pulled first" in done.stderr, done.stderr
    assert (tmp_path / "train-out" / "a").read_text() == "1\n"
    assert "pulled" in kinds(sandbox)


def test_what_is_pulled_by_hand_is_what_its_end_waits_for(
    sandbox: SandboxHome, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where the daemon would make a folder")
    provision(sandbox, "train", tmp_path / "taken")
    sandbox.must("ssh", "train", "--", "mkdir out && echo 1 >out/a")
    sandbox.must("done", "train", "--yes", "--no-wait")
    wait_until(lambda: "pull_failed" in kinds(sandbox), timeout_s=60)
    pulled = sandbox.run("pull", "train", "out", str(tmp_path / "other"))
    assert pulled.returncode == 0 and "it is not pulled once more, and may end now" in pulled.stderr, pulled.stderr
    wait_until(lambda: session_of(sandbox, "train")["end_stage"] == "proven", timeout_s=150)
    assert (tmp_path / "other" / "train-out" / "a").read_text() == "1\n" and "not_pulled" not in kinds(sandbox)
