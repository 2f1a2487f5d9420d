"""The agent's end files and report, its commands and its endpoint (ends.md E1, E3, E4, E7)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gpushopper.remote.agent_files import agent_text
from tests.agent.fixture_root import BOOT, END, GPU, FixtureRoot, load_agent, stat_line
from tests.agent.upkeep_folder import ENDED_ELSEWHERE, guard_that

AGENT = load_agent()
TICK_S, WARN_S = 10, 300
FIELDS = {
    "version", "boot", "at", "birth", "pid", "port", "idle_s", "in_use", "unknown", "gpus", "cpu", "network_bps",
    "disk_free_gb", "runs", "limits", "ends",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FixtureRoot:
    made = FixtureRoot(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    made.smi(f"echo '{GPU.format(load=0)}'")
    return made


@pytest.fixture
def watcher(root: FixtureRoot):
    return AGENT.Watcher(AGENT.Place(str(root.folder), str(root.top)), None)


def tick(root: FixtureRoot, watcher, seconds: int = TICK_S) -> dict:
    """Let time pass, and sample. The wall clock goes on as it likes: by less than `stale` in these tests."""
    root.let_pass(seconds)
    return watcher.tick()[0]


def be_idle(root: FixtureRoot, watcher, seconds: int) -> None:
    """Begin to watch, and measure that much idle time."""
    watcher.tick()
    for _ in range(seconds // TICK_S):
        tick(root, watcher)


def test_the_idle_end_is_written_only_after_the_whole_limit_and_stays_where_it_is(root, watcher):
    be_idle(root, watcher, 50)
    assert root.text("end-idle") == ""
    for _ in range(3):
        tick(root, watcher)
        words = root.text("end-idle").split()
        assert words == [str(END), BOOT, str(1060 + WARN_S + 1), "idle", str(root.up), str(os.getpid()), "777"]
    assert json.loads(root.text("report.json"))["ends"] == [{"name": "idle", "at": 1361}]


@pytest.mark.parametrize(
    "use",
    [
        lambda root: root.smi(f"echo '{GPU.format(load=50)}'"),
        lambda root: root.process(40, stat_line(40, "python", own=5000), "python"),
        lambda root: root.run("abc", out="a line"),
        lambda root: os.utime(root.top / "dev/pts/0", (9, 9)),
        lambda root: root.smi("exit 1"),
        lambda root: root.let_pass(60),
        lambda root: root.write("proc/sys/kernel/random/boot_id", "another"),
        lambda root: root.limits(idle=0),
        lambda root: root.write("root/.gs-guard/limits", "garbage"),
    ],
    ids=["gpu", "cpu", "output", "terminal", "unknown", "gap", "reboot", "no limit", "damaged limits"],
)
def test_use_and_all_that_is_unknown_withdraw_it(root, watcher, use):
    be_idle(root, watcher, 100)
    assert root.text("end-idle")
    use(root)
    tick(root, watcher)
    assert root.text("end-idle") == ""


def test_after_use_the_whole_limit_is_measured_again(root, watcher):
    be_idle(root, watcher, 50)
    os.utime(root.top / "dev/pts/0", (9, 9))
    assert tick(root, watcher)["idle_s"] == 0
    for idle_s in range(10, 60, 10):
        assert tick(root, watcher)["idle_s"] == idle_s
        assert root.text("end-idle") == ""
    tick(root, watcher)
    assert root.text("end-idle").split()[2] == str(root.up + WARN_S + 1)


@pytest.mark.parametrize("when", ["any", "gpu"])
def test_without_a_gpu_tool_idle_is_not_watched(root, watcher, when: str):
    """An instance without GPUs, too: nobody can tell it from one whose driver is broken."""
    root.limits(when=when)
    (root.bin / "nvidia-smi").unlink()
    be_idle(root, watcher, 200)
    report = json.loads(root.text("report.json"))
    assert (report["idle_s"], root.text("end-idle")) == (0, "")
    assert report["unknown"] == [{"signal": "gpu", "why": "there is no nvidia-smi"}]


def test_contact_ends_what_is_neither_heard_from_nor_in_use(root, watcher):
    root.limits(idle=0, contact=100, disuse=30)
    root.write("root/.gs-guard/contact", f"{BOOT} 1050\n")
    be_idle(root, watcher, 140)
    assert root.text("end-contact") == ""
    tick(root, watcher)
    assert root.text("end-contact").split()[2:4] == [str(1150 + WARN_S + 1), "contact"]
    root.write("root/.gs-guard/contact", f"{BOOT} 1155\n")
    tick(root, watcher)
    assert root.text("end-contact") == ""


@pytest.mark.parametrize("text", ["another-boot 1050", f"{BOOT} 99999", f"{BOOT} -5", "garbage", ""])
def test_a_contact_of_another_boot_or_damaged_is_none_and_counts_from_the_agents_start(root, watcher, text: str):
    root.limits(idle=0, contact=100, disuse=10)
    root.write("root/.gs-guard/contact", text)
    be_idle(root, watcher, 90)
    assert root.text("end-contact") == ""
    tick(root, watcher)
    assert root.text("end-contact")


def test_with_a_hold_an_idle_end_waits_to_be_pulled(root, watcher):
    root.limits(hold=4000)
    be_idle(root, watcher, 60)
    assert root.text("end-idle").split()[2] == str(1060 + 4000 + 1)
    root.write("root/.gs-guard/pulled", f"{BOOT} 1065\n")
    tick(root, watcher)
    assert root.text("end-idle").split()[2] == str(1060 + WARN_S + 1)


def test_an_end_that_a_long_pull_makes_near_is_announced_for_90_s_from_when_that_is_told(root, watcher):
    """What is noted is when the copy began. Else the instance is gone before anybody hears that it ends now (E5)."""
    root.limits(hold=4000)
    be_idle(root, watcher, 60)
    for _ in range(60):
        tick(root, watcher)
    root.write("root/.gs-guard/pulled", f"{BOOT} 1065\n")
    tick(root, watcher)
    told = root.up
    assert root.text("end-idle").split()[2] == str(told + 90 + 1)
    tick(root, watcher)
    assert root.text("end-idle").split()[2] == str(told + 90 + 1), "and stays where it is"


def test_a_hold_lets_no_idle_end_pass_the_deadline(root, watcher):
    root.limits(hold=2_678_400)
    root.write("root/.gs-guard/state", f"{END} 3 4000 60 {END} {root.up} {BOOT}\n")
    deadline = root.up + 4000
    be_idle(root, watcher, 60)
    assert int(root.text("end-idle").split()[2]) == deadline - TICK_S + 1


def test_an_end_is_announced_for_90_s_at_least(root, watcher):
    root.limits(warn=5)
    be_idle(root, watcher, 60)
    assert int(root.text("end-idle").split()[2]) >= root.up + 90


def test_the_report_has_its_fields_and_no_more_than_16_kb(root, watcher):
    root.smi("for i in $(seq 64); do printf '%s, 0, 1, 2, 3\\n' \"$(head -c 300 /dev/zero | tr '\\0' x)\"; done")
    for number in range(300):
        root.run(f"{'r' * 30}{number}", status="0", pid="5")
    for name, pid in {"going": "60", "lost": "61", "killed": "62", "unstarted": ""}.items():
        root.run(name, pid=pid)
    root.process(60, stat_line(60, "sh"), "sh -c w gpu-shopper-run /root/.gpu-shopper/runs/going x")
    (root.top / "proc/63/fd").mkdir(parents=True)
    (root.top / "proc/63/fd/2").symlink_to(root.top / "root/.gpu-shopper/runs/killed/err")
    report = tick(root, watcher)
    assert report.keys() == FIELDS
    assert len(root.text("report.json")) <= 16 * 1024 and json.loads(root.text("report.json")) == report
    states = {row["id"]: row["state"] for row in report["runs"]}
    wanted = {"going": "running", "killed": "running", "lost": "lost", "unstarted": "not started"}
    assert states.items() >= wanted.items()
    assert len(report["gpus"]) == 64 and 0 < len(report["runs"]) <= 50


def test_a_disk_that_takes_nothing_stops_no_watching_and_leaves_no_pieces(root, watcher):
    """A root of tests ignores modes; what is no folder takes nothing from anybody."""
    watcher.place.folder = str(root.write("full", ""))
    be_idle(root, watcher, 100)
    assert watcher.idle.idle_s == 100


def command(root: FixtureRoot, *words: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Call the agent as one file, in the fixture root alone."""
    program = root.write("root/.gs-guard/agent.py", agent_text())
    options = ["--folder", str(root.folder), "--root", str(root.top)]
    environment = {"HOME": str(root.top / "root"), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [python, "-Es", program, *options, *words],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_version_beat_and_status(root, watcher):
    assert command(root, "version").stdout == "1\n"
    assert command(root, "status").returncode == 1
    be_idle(root, watcher, 70)
    shown = command(root, "status")
    assert (shown.returncode, shown.stdout) == (
        0, "in use:  not since the agent started\nidle:    70 s\nending:  idle in 291 s\nsampled 0 s ago\n"
    )  # fmt: skip
    assert json.loads(command(root, "status", "--json").stdout) == json.loads(root.text("report.json"))
    assert json.loads(command(root, "beat").stdout)["idle_s"] == 70
    assert root.text("contact") == f"{BOOT} {root.up}\n"


def test_a_damaged_report_is_shown_as_no_agent(root):
    for text in ("", "[]", "{}", "null", '{"at": "x"}', "\0" * 50):
        root.write("root/.gs-guard/report.json", text)
        assert command(root, "status").returncode == 1


@pytest.mark.parametrize(("hold", "wait"), [(0, 91), (600, 601)])
def test_done_writes_an_end_of_this_life_only(root, hold: int, wait: int):
    root.limits(hold=hold)
    assert command(root, "done").returncode == 0
    assert root.text("end-done") == f"{END} {BOOT} {root.up + wait} done\n"


def test_done_that_is_asked_for_again_makes_no_end_later(root):
    root.limits(hold=600)
    root.write("root/.gs-guard/end-done", f"{END} {BOOT} {root.up + 120} done\n")
    assert command(root, "done").stdout == "this instance ends in 120 s\n"
    assert root.text("end-done") == f"{END} {BOOT} {root.up + 120} done\n" and root.text("done") == ""
    root.write("root/.gs-guard/end-done", f"{END} {BOOT} {root.up + 7200} done\n")
    assert command(root, "done").stdout == "this instance ends in 601 s\n"
    for damaged in (f"1 {BOOT} 5 done", f"{END} other 5 done", f"{END} {BOOT} x done", "\0"):
        root.write("root/.gs-guard/end-done", damaged + "\n")
        assert command(root, "done").stdout == "this instance ends in 601 s\n"


@pytest.mark.parametrize("acts", [True, False])
def test_done_says_where_another_computer_must_end_it(root, acts: bool):
    """As upkeep.sh does, in the same words (E9)."""
    root.write("root/.gs-guard/guard.sh", guard_that(acts_early=acts))
    root.limits(hold=0)
    said = ["this instance ends in 91 s", *([] if acts else [ENDED_ELSEWHERE])]
    assert command(root, "done").stdout.splitlines() == said


def test_done_without_limits_says_where_to_end_it(root):
    root.write("root/.gs-guard/limits", "END=1\n")
    refused = command(root, "done")
    assert (refused.returncode, root.text("end-done")) == (1, "")
    assert "gpu-shopper done NAME" in refused.stderr


@pytest.mark.parametrize(("words", "status"), [(("exit 3",), "3"), (("kill -9 $$",), "137"), (("echo", "a b"), "0")])
def test_run_leaves_the_folder_of_a_run(root, wait_until, words: tuple[str, ...], status: str):
    started = command(root, "run", "--end", "success", "--hold", "60", "--", *words)
    folder = root.top / "root/.gpu-shopper/runs" / started.stdout.strip()
    wait_until((folder / "status").exists, 20)
    assert (folder / "status").read_text().strip() == status
    assert (folder / "ends").read_text() == "success 60 1 77\n"
    assert int((folder / "pid").read_text()) > 1
    assert {path.name for path in folder.iterdir()} == {"command", "out", "err", "pid", "status", "ends"}
    if words[0] == "echo":
        assert (folder / "out").read_text() == "a b\n"


def test_a_run_that_shall_end_an_instance_without_limits_is_not_started(root):
    root.write("root/.gs-guard/limits", root.text("limits").replace(" life=77", ""))
    refused = command(root, "run", "--end", "always", "--", f"touch {root.top}/started")
    assert refused.returncode == 1 and "leave --end out" in refused.stderr
    assert not (root.top / "root/.gpu-shopper/runs").exists()


def test_a_run_that_cannot_be_written_is_not_started(root):
    root.write("root/.gpu-shopper", "no folder")
    refused = command(root, "run", "--", f"touch {root.top}/started")
    assert refused.returncode == 1 and "cannot be started" in refused.stderr
    assert not (root.top / "started").exists()


def ask(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_endpoint_answers_get_on_loopback_and_nothing_else(root, watcher):
    endpoint = AGENT.Endpoint()
    address, port = endpoint.listener.getsockname()
    assert address == "127.0.0.1"
    endpoint.report = b'{"idle_s": 7}'
    threading.Thread(target=endpoint.serve, args=(60.0,), daemon=True).start()
    assert ask(port, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 503")
    endpoint.sampled = AGENT.time.monotonic()
    assert ask(port, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
    assert ask(port, b"GET /status HTTP/1.0\r\n\r\n").endswith(b'\r\n\r\n{"idle_s": 7}')
    assert ask(port, b"POST /status HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 405")
    assert ask(port, b"GET /../key HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 404")
    for garbage in (b"", b"\0" * 2048, b"GET"):
        assert ask(port, garbage).startswith(b"HTTP/1.0 40")
    # One that says nothing holds others up for two seconds, and the sampling not at all.
    with socket.create_connection(("127.0.0.1", port)):
        assert ask(port, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
