"""When the demo agrees with the market, and that it leaves nothing behind, however it ends.

The whole story is told in tests/e2e.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.cli.commands.try_out import demo
from gpushopper.cli.output.ledger_comparison import BilledSide, agrees
from gpushopper.cli.process import demo_cleanup
from gpushopper.errors import DiskFull

OURS = BilledSide(instances=("1",), gone=True, micros=139_200)


@pytest.mark.parametrize(
    ("theirs", "agree"),
    [
        (OURS, True),
        (OURS._replace(micros=139_900), True),
        (OURS._replace(micros=150_000), False),
        (OURS._replace(gone=False), False),
        (OURS._replace(instances=("1", "2")), False),
        (OURS._replace(instances=()), False),
    ],
)
def test_receipt_and_ledger_must_agree(theirs: BilledSide, agree: bool):
    assert agrees(OURS, theirs) is agree


def leftovers(folder: Path) -> list[str]:
    """Processes whose words, environment or mounts name a home in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = b"".join((process / name).read_bytes() for name in ("cmdline", "environ", "mountinfo"))
        except OSError:
            continue
        if f"{folder.name}/gs-demo-".encode() in text:
            found.append(process.name)
    return found


@pytest.fixture
def short_tmp(wait_until: Callable[..., None]) -> Iterator[Path]:
    """A folder for temporary files with a short path; afterwards nothing of a demo may be there or run."""
    folder = Path(tempfile.mkdtemp(prefix="t"))
    yield folder
    wait_until(lambda: leftovers(folder) == [] and list(folder.iterdir()) == [], timeout_s=60)
    folder.rmdir()


def begin(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gpushopper.cli", "demo", *words],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def until(process: subprocess.Popen[bytes], command: str) -> None:
    """Read on until the demo shows this command, which it runs next."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(b"$ ") and command.encode() in line:
            return
    pytest.fail(f"the demo never came to {command}")


def end(process: subprocess.Popen[bytes], timeout_s: float = 120) -> tuple[int, str]:
    out, _ = process.communicate(timeout=timeout_s)
    return process.returncode, out.decode()


# A market or a daemon that is still starting does not answer; an instance has processes of its own.
SCENES = ("sandbox start", "--sandbox inventory", "--sandbox provision", "--sandbox ssh")


# Every scene with the user's Ctrl-C, every signal in one scene; the rest is a long proof.
ENDINGS = [
    pytest.param(
        scene, number, id=f"{number.name}-{scene}",
        marks=() if number is signal.SIGINT or scene == "--sandbox provision" else pytest.mark.sweep,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for scene in SCENES
]  # fmt: skip


@pytest.mark.proofs
@pytest.mark.parametrize(("scene", "number"), ENDINGS)
def test_a_demo_that_is_ended_leaves_nothing(short_tmp: Path, scene: str, number: signal.Signals):
    process = begin(short_tmp)
    until(process, scene)
    (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
    assert end(process)[0] == 130
    assert list(short_tmp.iterdir()) == []


@pytest.mark.proofs
@pytest.mark.parametrize("scene", SCENES)
def test_a_demo_that_is_killed_leaves_nothing_either(short_tmp: Path, scene: str):
    process = begin(short_tmp)
    until(process, scene)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def control(folder: Path, *words: str) -> str:
    """A command in the demo's home, from outside."""
    (home,) = folder.glob("gs-demo-*")
    done = subprocess.run(
        [sys.executable, "-m", "gpushopper.cli", *words],
        env={**os.environ, "GPU_SHOPPER_HOME": str(home)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


@pytest.mark.proofs
def test_a_demo_whose_command_fails_says_so_and_leaves_nothing(short_tmp: Path):
    process = begin(short_tmp)
    until(process, "--sandbox inventory")
    control(short_tmp, "sandbox", "fault", "add", "vast", "create", "reject", "insufficient_credit")
    code, out = end(process)
    assert (code, "the demo stopped: that command ended with status" in out) == (1, True), out
    assert list(short_tmp.iterdir()) == []


# Two minutes each: the command that lost its market is given up only then.
@pytest.mark.sweep
@pytest.mark.parametrize("scene", ["--sandbox provision", "--sandbox shutdown"])
def test_a_demo_whose_sandbox_is_killed_continues_or_fails_and_leaves_nothing(short_tmp: Path, scene: str):
    process = begin(short_tmp)
    until(process, scene)
    os.kill(json.loads(control(short_tmp, "sandbox", "status", "--json"))["pid"], signal.SIGKILL)
    code, out = end(process, timeout_s=300)
    assert code == 0 or "the demo stopped" in out, out
    assert list(short_tmp.iterdir()) == []


# The fast twins: the same clearing up, of processes that take no time to start.


def stay(home: Path) -> subprocess.Popen[bytes]:
    """A process that works in this home and would stay."""
    return subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"],
        env={**os.environ, "GPU_SHOPPER_HOME": str(home / "sandbox")}, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def make_home(folder: Path) -> Path:
    """A home such as a demo's, with a folder in it that its instance closed."""
    home = folder / "gs-demo-1"
    (home / "sandbox" / "market" / "closed" / "inner").mkdir(parents=True)
    (home / "sandbox" / "market" / "closed").chmod(0)
    return home


def test_cleanup_ends_the_processes_of_this_home_and_no_others(short_tmp: Path):
    home = make_home(short_tmp)
    with stay(home) as ours, stay(short_tmp / "other") as other:
        for process in (ours, other):
            assert process.stdout is not None
            process.stdout.readline()
        threading.Thread(target=ours.wait, daemon=True).start()  # so that no zombie remains
        assert demo_cleanup.clear(home)
        assert ours.wait(10) == -signal.SIGTERM
        assert other.poll() is None
        other.kill()
    assert not home.exists()


@pytest.mark.parametrize("last_word", [b"", demo_cleanup.FINISHED], ids=["killed", "over"])
def test_the_watcher_cleans_up_after_a_killed_demo(short_tmp: Path, last_word: bytes):
    home = make_home(short_tmp)
    demo_cleanup.watch(home, io.BytesIO(last_word))
    assert home.exists() is (last_word == demo_cleanup.FINISHED)
    demo_cleanup.clear(home)


def test_too_little_space_is_refused_before_the_demo_begins(tmp_path: Path):
    free_mb = shutil.disk_usage(tmp_path).free // 1_000_000
    demo.check_space(tmp_path, needed_mb=max(free_mb // 2, 0))
    with pytest.raises(DiskFull, match=rf"the demo needs {free_mb * 2 + 100} MB in {tmp_path}, \d+ MB are free"):
        demo.check_space(tmp_path, needed_mb=free_mb * 2 + 100)
