"""What the agent sees: recorded trees of /proc, our own processes, damaged and hostile files (ends.md E2, F128)."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.agent.fixture_root import GPU, NETWORK, FixtureRoot, load_agent, stat_line

AGENT = load_agent()
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.txt"))
GUARD = "/root/.gs-guard/"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FixtureRoot:
    made = FixtureRoot(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    return made


class Eyes:
    """Looks at a root, one sample after the other."""

    def __init__(self, root: FixtureRoot) -> None:
        self.place = AGENT.Place(str(root.folder), str(root.top))
        self.sampler = AGENT.Sampler(self.place)
        self.last = None

    def look(self):
        before, self.last = self.last, self.sampler.look(self.last)
        return AGENT.verdict(before, self.last) if before else None


def looks_of(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Read a recording: its looks, each with what is to be seen and the files that have changed."""
    pieces = re.split(r"^@ (\w+)\n", path.read_text(), flags=re.MULTILINE)[1:]
    looks = []
    for expected, text in zip(pieces[::2], pieces[1::2], strict=True):
        files = re.split(r"^== (\S+)\n", text, flags=re.MULTILINE)[1:]
        looks.append(
            (expected, {name: words.replace(r"\0", "\0") for name, words in zip(files[::2], files[1::2], strict=True)})
        )
    return looks


@pytest.mark.parametrize("recording", RECORDED, ids=lambda path: path.stem)
def test_recorded_instances_are_told_to_be_in_use_or_not(recording: Path, tmp_path: Path):
    root = FixtureRoot(tmp_path)
    (tmp_path / "dev/pts/0").unlink()
    eyes, found = Eyes(root), []
    for expected, files in looks_of(recording):
        for name, text in files.items():
            root.write(name, text.removesuffix("\n"))
        use = eyes.look()
        found.append((expected, ",".join(use.active) or "idle" if use else "first"))
        assert eyes.last.unknown.keys() == {"gpu"}
    assert [actual for _, actual in found] == [expected for expected, _ in found]
    assert {"idle", "cpu"} <= {actual for _, actual in found}


@pytest.mark.parametrize(
    ("name", "words", "ours"),
    [
        ("sh", f"sh {GUARD}guard.sh hold 1", True), ("sh", f"sh {GUARD}upkeep.sh", True),
        ("python3", f"python3 -Es {GUARD}agent.py watch", True), ("python3", f"python3 {GUARD}agent.py run x", False),
        ("sh", "/bin/sh -c GS_LIBRARIES=${LD_LIBRARY_PATH-} x", True), ("sh", "sh train.sh", False),
        ("sh", "/bin/sh -c w gpu-shopper-run /root/.gpu-shopper/runs/abc train", False),
        ("sh", "/bin/sh -c w gpu-shopper-run /root/.gpu-shopper/runs/before-end hook", True),
        ("sshd", "sshd: root@notty", True), ("sshd-session", "sshd-session: root", True),
        ("vim", "vim guard.sh", False), ("sh", "/bin/sh -s", False), ("sh", "/bin/sh -s gpu-shopper-logs ", True),
        ("sh", "/bin/sh -s gpu-shopper-pull ", True),
    ],
)  # fmt: skip
def test_our_own_processes_and_what_they_start_are_no_use(root: FixtureRoot, name: str, words: str, ours: bool):
    """A child of ssh's server is not ours for that: users log in."""
    eyes = Eyes(root)
    eyes.look()
    root.process(50, stat_line(50, name, own=500), words)
    if name not in ("sshd", "sshd-session"):
        root.process(51, stat_line(51, "nvidia-smi", 50, own=500), "nvidia-smi")
        root.process(52, stat_line(52, "grandchild", 51, own=500), "x")
    root.let_pass(10)
    assert eyes.look().active == (() if ours else ("cpu",))


def test_a_run_that_our_script_started_is_the_users(root: FixtureRoot):
    eyes = Eyes(root)
    eyes.look()
    root.process(50, stat_line(50, "sh"), "/bin/sh -c GS_LIBRARIES=${LD_LIBRARY_PATH-}")
    root.process(51, stat_line(51, "sh", 50), "/bin/sh -c w gpu-shopper-run /root/.gpu-shopper/runs/abc train")
    root.process(52, stat_line(52, "python", 51, own=500), "python train.py")
    root.let_pass(10)
    assert eyes.look().active == ("cpu",)


def test_a_first_process_that_looks_like_ours_does_not_make_orphans_ours(root: FixtureRoot):
    root.process(1, stat_line(1, "sh", 0), f"sh {GUARD}upkeep.sh")
    eyes = Eyes(root)
    eyes.look()
    root.process(52, stat_line(52, "python", own=500), "python")
    root.let_pass(10)
    assert eyes.look().active == ("cpu",)


@pytest.mark.parametrize(("pulled", "active"), [(90_000_000, ()), (70_000_000, ("network",))])
def test_a_pull_of_ours_is_no_traffic_but_what_is_beyond_it_is(root: FixtureRoot, pulled: int, active: tuple[str, ...]):
    root.process(50, stat_line(50, "sh"), "/bin/sh -c GS_LIBRARIES=${LD_LIBRARY_PATH-}")
    root.process(51, stat_line(51, "tar", 50), "tar c .")
    root.write("proc/51/io", "rchar: 5\nwchar: 1000\n")
    eyes = Eyes(root)
    eyes.look()
    root.write("proc/51/io", f"rchar: 5\nwchar: {1000 + pulled}\n")
    root.write("proc/net/dev", NETWORK.format(count=5000 + 90_900_000))
    root.let_pass(10)
    assert eyes.look().active == active


def test_what_is_written_to_a_terminal_is_no_input(root: FixtureRoot):
    """Our own warnings are written there; that changes another time than input does."""
    terminal = root.top / "dev/pts/0"
    os.utime(terminal, (1000, 1000))
    eyes = Eyes(root)
    eyes.look()
    os.utime(terminal, (1000, 2000))
    root.let_pass(10)
    assert eyes.look().active == ()
    os.utime(terminal, (1008, 2000))
    root.let_pass(10)
    assert eyes.look().active == ("terminal",)
    root.write("dev/pts/1", "")
    root.let_pass(10)
    assert eyes.look().active == ("terminal",), "somebody has logged in"
    (root.top / "dev/pts/1").unlink()
    root.let_pass(10)
    assert eyes.look().active == ()


def test_output_of_any_users_run_counts_and_that_of_the_hook_does_not(root: FixtureRoot):
    run, other, hook = root.run("abc"), root.run("def", "home/user"), root.run("before-end")
    root.write("etc/passwd", "broken\nann:x:1:1:Ann:/srv/ann:/bin/sh\nother:x:2:2::/nowhere:/bin/sh\n")
    elsewhere = root.run("ghi", "srv/ann")
    eyes = Eyes(root)
    eyes.look()
    for folder, active in ((run, ("output",)), (other, ("output",)), (hook, ()), (elsewhere, ("output",))):
        (folder / "err").write_text("a line")
        root.let_pass(10)
        assert eyes.look().active == active, folder


def test_garbage_in_runs_neither_hangs_nor_counts(root: FixtureRoot):
    """Whoever works there is root: pipes, links, endless files, folders for files (ends.md E4)."""
    runs = root.run("abc").parent
    garbage = root.run("garbage")
    (garbage / "out").unlink()
    os.mkfifo(garbage / "out")
    os.mkfifo(garbage / "status")
    (garbage / "pid").symlink_to("/dev/zero")
    (garbage / "err").unlink()
    (garbage / "err").mkdir()
    endless = root.run("endless")
    with (endless / "pid").open("wb") as file:
        file.truncate(1 << 40)
    (runs / "loop").symlink_to(runs)
    (runs / "a b\nc").mkdir()
    os.mkfifo(runs / "pipe")
    (root.top / "home").mkdir()
    (root.top / "home/file").write_text("x")
    eyes = Eyes(root)
    eyes.look()
    root.let_pass(10)
    assert eyes.look().active == ()
    assert eyes.last.unknown.keys() == {"gpu"}
    watcher = AGENT.Watcher(eyes.place, None)
    assert {row["id"] for row in watcher.tick()[0]["runs"]} <= {"abc", "garbage", "endless"}


@pytest.mark.parametrize(
    ("missing", "signal"),
    [("proc/1/stat", "cpu"), ("proc/net/dev", "network"), ("dev/pts", "terminal")],
)
def test_a_file_that_is_missing_makes_its_signal_unknown(root: FixtureRoot, missing: str, signal: str):
    (root.top / missing).rename(root.top / "elsewhere")
    eyes = Eyes(root)
    eyes.look()
    root.let_pass(10)
    assert signal in eyes.look().unknown


def test_too_many_runs_make_output_unknown(root: FixtureRoot):
    for number in range(2001):
        (root.top / f"root/.gpu-shopper/runs/r{number}").mkdir(parents=True)
    eyes = Eyes(root)
    eyes.look()
    assert "output" in eyes.last.unknown


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "there is no nvidia-smi"),
        ("exit 9", "nvidia-smi tells no load"),
        ("echo No devices were found", "nvidia-smi tells no load"),
        ("echo 'A100, [N/A], 1, 2, 3'", "nvidia-smi tells no load"),
        ("exec sleep 60", "nvidia-smi does not answer within 0.3 s"),
        ("exec 1>&-; exec sleep 60", "nvidia-smi does not answer within 0.3 s"),
        ("exec yes", "nvidia-smi tells no load"),
        (f"for i in $(seq 65); do echo '{GPU.format(load=1)}'; done", "nvidia-smi tells no load"),
    ],
)  # fmt: skip
def test_gpus_that_do_not_tell_are_unknown(root: FixtureRoot, script: str | None, why: str):
    if script:
        root.smi(script)
    smi = AGENT.Smi(AGENT.Place(str(root.folder), str(root.top)), 0.3)
    with pytest.raises(OSError, match=re.escape(why)):
        smi.gpus()
    assert not smi.process or smi.process.wait(10) is not None, "killed"


def test_one_that_hangs_is_not_started_again(root: FixtureRoot):
    """A driver that hangs cannot be killed: they would pile up."""
    root.smi("echo started >>$0.starts")
    smi = AGENT.Smi(AGENT.Place(str(root.folder), str(root.top)))
    with subprocess.Popen(["sleep", "60"]) as unkillable:
        smi.process = unkillable
        with pytest.raises(OSError, match="hangs"):
            smi.gpus()
        unkillable.kill()
    assert not (root.bin / "nvidia-smi.starts").exists()


def test_gpus_are_read_also_where_the_driver_needs_the_containers_own_libraries(root: FixtureRoot):
    root.write("proc/1/environ", "A=1\0LD_LIBRARY_PATH=/usr/local/nvidia/lib64\0")
    root.smi(f"[ \"$LD_LIBRARY_PATH\" = /usr/local/nvidia/lib64 ] || exit 127\necho '{GPU.format(load=42)}'")
    smi = AGENT.Smi(AGENT.Place(str(root.folder), str(root.top)), 5)
    expected = {"name": "NVIDIA A100", "load": 42, "memory_mb": 100, "total_mb": 40960, "temperature": 30}
    assert smi.gpus() == (expected,)
    assert smi.gpus() == (expected,)


def test_a_gpu_in_use_is_use(root: FixtureRoot):
    root.smi(f"echo '{GPU.format(load=0)}'")
    eyes = Eyes(root)
    eyes.look()
    root.smi(f"echo '{GPU.format(load=0)}'; echo '{GPU.format(load=88)}'")
    root.let_pass(10)
    use = eyes.look()
    assert (use.active, use.unknown) == (("gpu",), {})
