"""A large copy that is cut off in the middle goes on from there, by rsync and by sftp alone, and arrives whole.

The bytes are counted where they enter the instance: whoever began anew would send all of them twice.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.needs import needs
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

IMAGE = "nvidia/cuda:12.4.1-base-ubuntu22.04"
SIZE = 64_000_000
CUT_AT = 16_000_000
CONTENT = random.Random(1).randbytes(SIZE)
Wait = Callable[..., None]

EVERY_WAY = [pytest.param("rsync", marks=needs("rsync")), pytest.param("sftp", marks=needs("sftp-server"))]


class There:
    """One instance, as the sandbox sees it."""

    def __init__(self, sandbox: SandboxHome, name: str) -> None:
        self.sandbox, self.name = sandbox, name
        session = json.loads(sandbox.must("get", name, "--json"))["session"]
        self.id = session["attempts"][-1]["instance_id"]

    @property
    def root(self) -> Path:
        return self.sandbox.home / "market" / "live" / self.id / "disk" / "root"

    def carried(self) -> int:
        """Bytes that its ssh server has handed to programs inside, and taken from them.

        The thread's own account: what the programs read and wrote themselves is added to the process's when they end.
        """
        live = json.loads(self.sandbox.must("sandbox", "status", "--json"))["live"]
        pid = next(row["supervisor"] for row in live if row["id"] == self.id)
        lines = Path(f"/proc/{pid}/task/{pid}/io").read_text().split()
        return int(lines[lines.index("rchar:") + 1]) + int(lines[lines.index("wchar:") + 1])

    def arrived(self, folder: Path, name: str) -> int:
        """How much of a file is in the part folder of its copy."""
        return max((path.stat().st_size for path in folder.glob(f".{name}.gs-part-*/{name}")), default=0)

    def answers(self) -> bool:
        return self.sandbox.run("ssh", self.name, "--", "true").returncode == 0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 17, "--live") as made:
        yield made
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module")
def instances(sandbox: SandboxHome) -> dict[str, There]:
    """One with rsync, one that has only sftp, one that has neither."""
    images = {"rsync": IMAGE, "sftp": f"{IMAGE}-norsync", "tar": f"{IMAGE}-norsync-nosftp"}
    rented = [
        sandbox.begin("provision", "--gpu", "RTX 4090", "--for", "1h", "--name", way, "--yes", "--image", image)
        for way, image in images.items()
    ]
    for process in rented:
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    return {way: There(sandbox, way) for way in images}


def signal_all(pid: int, number: int) -> None:
    """Signal a process and all that it started; what a command starts has groups of its own."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it may have ended by itself meanwhile
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, number)
        for child in children:
            signal_all(int(child), number)


def begin_and_freeze(
    there: There, words: tuple[str, ...], folder: Path, name: str, wait_until: Wait
) -> subprocess.Popen[str]:
    """Start a copy and hold it still in the middle."""
    copy = there.sandbox.begin("cp", *words)
    wait_until(lambda: there.arrived(folder, name) >= CUT_AT, timeout_s=60)
    signal_all(copy.pid, signal.SIGSTOP)
    assert there.arrived(folder, name) < SIZE * 3 // 4, "it was too quick to be cut in the middle"
    return copy


def lose_link(there: There, copy: subprocess.Popen[str], wait_until: Wait) -> None:
    """Take the instance's host off the net until everybody has noticed."""
    there.sandbox.fault("host", "offline", "2s", "--instance", there.id)
    signal_all(copy.pid, signal.SIGCONT)
    _, said = copy.communicate(timeout=60)
    assert copy.returncode == 1 and "run the same command again" in said, said
    wait_until(there.answers, timeout_s=60)


def kill(there: There, copy: subprocess.Popen[str], wait_until: Wait) -> None:
    """As a closed terminal or a dead battery: no program exits in an orderly way."""
    signal_all(copy.pid, signal.SIGKILL)
    copy.communicate(timeout=60)


def go_on(there: There, words: tuple[str, ...]) -> int:
    """Run the same command again; the bytes it took."""
    before = there.carried()
    told = json.loads(there.sandbox.must("cp", "--json", *words))
    assert told["by"] == there.name
    return there.carried() - before


CUTS = {"link lost": lose_link, "killed": kill}
# A busy computer may copy the rest before the link is gone.
EVERY_CUT = [pytest.param("link lost", marks=pytest.mark.sweep), "killed"]


@pytest.mark.parametrize("cut", EVERY_CUT)
@pytest.mark.parametrize("way", EVERY_WAY)
def test_an_upload_is_resumed_where_it_was_cut(
    instances: dict[str, There], way: str, cut: str, tmp_path: Path, wait_until: Wait
) -> None:
    there, name = instances[way], f"{cut[0]}-up"
    (tmp_path / name).write_bytes(CONTENT)
    words = (str(tmp_path / name), f"{there.name}:{name}")
    CUTS[cut](there, begin_and_freeze(there, words, there.root, name, wait_until), wait_until)
    kept = there.arrived(there.root, name)
    assert not there.root.joinpath(name).exists()
    assert CUT_AT * 3 // 4 <= kept < SIZE
    took = go_on(there, words)
    print(f"\n{kept:,} bytes were there, {took:,} more went over")
    assert took < SIZE - kept + SIZE // 20
    assert there.sandbox.must("ssh", way, "--", f"sha256sum <{name}").split()[0] == sha256(CONTENT).hexdigest()


@pytest.mark.sweep
@pytest.mark.parametrize("way", EVERY_WAY)
def test_a_download_is_resumed_where_it_was_cut(
    instances: dict[str, There], way: str, tmp_path: Path, wait_until: Wait
) -> None:
    there = instances[way]
    there.sandbox.must("ssh", way, "--", f"head -c {SIZE} /dev/urandom >down")
    words = (f"{there.name}:down", str(tmp_path / "down"))
    lose_link(there, begin_and_freeze(there, words, tmp_path, "down", wait_until), wait_until)
    kept = there.arrived(tmp_path, "down")
    assert not (tmp_path / "down").exists()
    assert CUT_AT * 3 // 4 <= kept < SIZE
    took = go_on(there, words)
    print(f"\n{kept:,} bytes were here, {took:,} more came over")
    assert took < SIZE - kept + SIZE // 20
    sent = there.sandbox.must("ssh", way, "--", "sha256sum <down").split()[0]
    assert sha256((tmp_path / "down").read_bytes()).hexdigest() == sent


def test_an_instance_without_rsync_and_sftp_uses_tar(instances: dict[str, There], tmp_path: Path) -> None:
    there = instances["tar"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a b").write_bytes(CONTENT[:100_000])
    for source, target in ((f"{tmp_path}/data", "tar:copy"), ("tar:copy", f"{tmp_path}/back")):
        assert json.loads(there.sandbox.must("cp", "--json", source, target))["by"] == "tar"
    assert (tmp_path / "back" / "a b").read_bytes() == CONTENT[:100_000]
