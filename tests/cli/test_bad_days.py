"""What a bad day looks like from the keyboard: one line that says what happened, one that says what to do (S21).

Everything goes through the installed command, but for the requests of `SHARED`, which run in the test's own process
against the same daemon. A refusal leaves books, settings and keys as they were.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import gpushopper
from tests.cli.bad_days import (
    Home,
    Row,
    assert_no_trace,
    assert_nothing_changed,
    assert_says,
    assert_says_in_json,
    fault,
    mounted,
    state_of,
)
from tests.cli.in_process import Inside
from tests.cli.ran import Ran
from tests.sandbox_home import kill_groups

RENT = "provision --gpu RTX4090 --hours 1 --yes"
WIDE = "[brakes]\nopen_sessions = 50\ncreates_per_hour = 500\ndollars_per_hour = 500\n"
LATER = "2020-01-01T00:00:00Z"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")

# ---- a market, two sessions, and requests that cannot be met

SHARED = [
    Row("unknown GPU", ("provision", "--gpu", "RTX 499", "--yes"), "GPU called 'RTX 499'", 3, "RTX 4090"),
    Row("cap below the market", f"{RENT} --max-price 0.01", r"cheapest is \$0\.\d+/h \(vast:\d+\)", 7, "--max-price"),
    Row("offer that is gone", "provision --offer vast:1 --yes", "vast:1 is not on the market", 7, "inventory"),
    Row("no such offer", "provision --offer 17 --yes", "no offer is called '17'", 3, "inventory"),
    Row("unknown session", "get nosuch", "no session is called 'nosuch'", 3, "ls -a"),
    Row("unknown session to end", "done nosuch --yes", "no session is called 'nosuch'", 3, "ls -a"),
    Row("ambiguous prefix", "shutdown train --yes", "'train' could be train-a, train-b", 3, "more of the name"),
    Row("unknown provider", "inventory --provider gcp", "no cloud or account is called 'gcp'", 3, "vast"),
    Row("unknown provider's key", "keys test gcp", "no cloud or account is called 'gcp'", 3, "vast"),
    Row("unknown alarm", "alarms ack 99", "no open alarm 99", 3, "alarms"),
    Row("name that is taken", f"{RENT} --name train-a", "already called train-a", 2, "--name"),
    Row("13 hours", "provision --gpu RTX4090 --for 13h --yes", "longer than 12 h", 6, "--hard-max"),
    Row("longer without a reason", f"{RENT} --hard-max 20h", "needs --reason", 2),
    Row("extended past the hard maximum", "extend train-a --for 20h", "hard maximum", 6, "--hard-max"),
    Row("end in the past", f"provision --gpu RTX4090 --until {LATER} --yes", "is in the past", 2, "18:00"),
    Row("bad duration", "provision --for 2 --yes", "'2' is not a duration: write 90m", 2, "--help"),
    Row("negative duration", "extend train-a --for -1h", "'-1h' is not a duration", 2, "--help"),
    Row("negative hours", "provision --hours -1 --yes", "-1.0 is not in the range", 2, "--help"),
    Row("a span for hours", "provision --hours 2h --yes", "write 2, or --for 2h", 2, "--help"),
    Row("no number of hours", "provision --hours nan --yes", "'?nan'? is not a number", 2, "--help"),
    Row("endless hours", "provision --hours inf --yes", "'?inf'? is not a number", 2, "--help"),
    Row("negative disk", "provision --disk -5 --yes", "not in the range", 2, "--help"),
    Row("negative price", "plan --max-price -1", "'-1' is not an amount", 2, "--help"),
    Row("negative number of GPUs", "inventory --min-gpus -1", "not in the range", 2, "--help"),
    Row("shutdown without a name", "shutdown --yes", "name the sessions, or --all", 2, "gpu-shopper --sandbox ls"),
    Row("done without a name", "done --yes", "name the session", 2, "gpu-shopper --sandbox ls"),
    Row("spending unasked", "provision --gpu RTX4090", "not a terminal: add --yes", 2, "--dry-run"),
    Row("destroying unasked", "shutdown --all", "not a terminal: add --yes", 2, "--dry-run"),
    Row("unknown option", "ls --nosuch", "no such option '?--nosuch", 2, "--help"),
    Row("unknown command", "nosuch", "no such command 'nosuch'", 2, "--help"),
    Row("fault that does not exist", "sandbox fault add vast create nosuch", "unknown word: nosuch", 2, "sandbox"),
]
IN_JSON = {
    "unknown GPU", "cap below the market", "unknown session", "ambiguous prefix", "13 hours", "end in the past",
    "spending unasked",
}  # fmt: skip


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    """A short folder for all homes of this file; what was started in it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    yield folder
    kill_groups(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def silent(top: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in a home that is held by somebody who says nothing; it waits while other tests run."""
    home = Home(top / "s")
    home.write({"daemon.lock": ""})
    with (home.home / "daemon.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = home.begin("ls")
        yield process
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def begun(top: Path) -> tuple[Home, Ran]:
    """A market with two running sessions, the second of which met an offer that had gone meanwhile."""
    home = Home(top / "m", "--sandbox", inner="sandbox")
    home.must("sandbox", "start", "--seed", "7")
    home.write({"config.toml": f"+{WIDE}"})
    home.must(*RENT.split(), "--name", "train-b")
    with fault(home, "create", "unavailable", "--count", "1"):
        return home, home(*RENT.split(), "--name", "train-a")


@pytest.fixture(scope="module")
def market(begun: tuple[Home, Ran]) -> Home:
    """Every row that only asks shares it."""
    return begun[0]


@pytest.fixture
def make(top: Path, market: Home) -> Iterator[Callable[..., Home]]:
    """Build homes of their own on the shared market; they end with the test."""
    made: list[Home] = []

    def build(**files: str) -> Home:
        home = Home(Path(tempfile.mkdtemp(prefix="h-", dir=top)))
        made.append(home)
        ours = {name: (market.home / name).read_text() for name in ("config.toml", "keys.toml")}
        home.write({name: text for name, text in ours.items()})
        home.write({name.replace("_", "."): text for name, text in files.items()})
        return home

    yield build
    for home in made:
        home.end()


@pytest.mark.parametrize("row", SHARED, ids=str)
def test_a_request_that_cannot_be_met(market: Home, row: Row):
    before = state_of(market.home)
    ran = Inside(market.folder, *market.first)(*row.argv)
    assert_says(ran, row)
    assert_no_trace(market.home, ran)
    assert_nothing_changed(market.home, before)


@pytest.mark.parametrize("row", [row for row in SHARED if row.situation in IN_JSON], ids=str)
def test_json_errors_have_the_same_message(market: Home, row: Row):
    before = state_of(market.home)
    ran = Inside(market.folder, *market.first)("--json", *row.argv)
    assert_says_in_json(ran, row)
    assert_nothing_changed(market.home, before)


# ---- homes that cannot be used

PROJECT = "sets {}, which only your own configuration may set"
BROKEN = [
    Row("bad TOML", "ls", "config.toml is not valid TOML.*line", 4, "line", {"config.toml": "+[[["}),
    Row("bad TOML, in JSON", "ls --json", "not valid TOML", 4, "", {"config.toml": "+[[["}),
    Row("unknown key", RENT, "unknown key brakes.sessions", 4, "open_sessions", {"config.toml": "+sessions = 3\n"}),
    Row("bad value", "ls", "open_sessions.*whole number", 4, ".", {"config.toml": "[brakes]\nopen_sessions = -3\n"}),
    Row("drill on a real cloud", "ls", "policy drill is for a sandbox.*console.vast.ai", 6, "policy.name",
        {"config.toml": '[policy]\nname = "drill"\n'}),
    Row("no key", RENT, "no Vast.ai API key", 4, "keys set vast", {"keys.toml": ""}),
    Row("no key, in JSON", f"{RENT} --json", "no Vast.ai API key", 4, "", {"keys.toml": ""}),
    Row("no key to test", "keys test vast", "no Vast.ai API key", 4, "keys set vast", {"keys.toml": ""}),
    Row("wrong key", RENT, "vast refuses the key", 4, "keys set vast", {"keys.toml": '[vast]\napi_key = "wrong"\n'}),
    Row("damaged key file", RENT, "keys.toml is not valid TOML", 4, "keys", {"keys.toml": "+[[["}),
    Row("project endpoint", "inventory", PROJECT.format("providers.vast.endpoint"), 4, "must not redirect",
        {"project/.gpu-shopper.toml": '[providers.vast]\nendpoint = "http://127.0.0.1:9"\n'}),
    Row("project brakes", RENT, PROJECT.format("brakes.open_sessions"), 4, "must not redirect",
        {"project/.gpu-shopper.toml": "[brakes]\nopen_sessions = 99\n"}),
    Row("project policy", "plan", PROJECT.format("policy.name"), 4, "must not redirect",
        {"project/.gpu-shopper.toml": '[policy]\nname = "drill"\n'}),
    Row("brake on sessions", RENT, r"brakes\.open_sessions", 6, "config.toml", {"config.toml": "+open_sessions = 0\n"}),
    Row("brake on money", RENT, r"brakes\.dollars_per_hour", 6, "config.toml",
        {"config.toml": "+dollars_per_hour = 0.01\n"}),
    Row("dead market", "inventory", "cannot reach Vast.ai: ", 7, "are you online",
        {"config.toml": '[policy]\nname = "drill"\n[providers.vast]\nendpoint = "http://127.0.0.1:9"\n'}),
]  # fmt: skip


@pytest.mark.proofs
@pytest.mark.parametrize("row", BROKEN, ids=str)
def test_a_home_that_cannot_be_used(make: Callable[..., Home], row: Row):
    home = make()
    base = (home.home / "config.toml").read_text().replace(WIDE, "[brakes]\n")
    home.write({"config.toml": base, "project/x": ""})
    home.write(row.files)
    before = state_of(home.home)
    ran = home(*row.argv, cwd=home.home / "project")
    (assert_says_in_json if "--json" in row.words else assert_says)(ran, row)
    assert_no_trace(home.home, ran)
    assert_nothing_changed(home.home, before)


@pytest.mark.proofs
def test_a_key_file_that_others_can_read(make: Callable[..., Home]):
    home = make()
    (home.home / "keys.toml").chmod(0o644)
    assert_says(home(*RENT.split()), Row("", RENT, "keys.toml can be read by other users; run: chmod 600", 4, "keys"))


@pytest.mark.proofs
def test_a_socket_path_that_some_system_would_cut(top: Path):
    home = Home(top / ("x" * 90))
    for words in ("ls", "daemon start", "daemon run", "audit"):
        assert_says(home(*words.split()), Row("", words, "100", 4, "shorter folder"))
    assert not home.home.exists()


# ---- bad days of the daemon


@pytest.mark.proofs
def test_a_daemon_that_runs_already(make: Callable[..., Home]):
    home = make()
    assert home.must("daemon", "start").startswith("started")
    assert home.must("daemon", "start").startswith("already running")
    again = home("daemon", "run")
    assert_says(again, Row("", "", f"already running, pid {home.daemon_pid()}", 6, "daemon stop"))
    home.kill_daemon()
    restarted = home("ls")
    assert (restarted.code, restarted.err.splitlines()[0]) == (0, "starting the daemon ...")
    (home.home / "run" / "daemon.sock").unlink()
    assert home("ls").code == 0  # it notices, and binds anew
    assert_no_trace(home.home, again)


def test_a_daemon_that_holds_the_home_and_does_not_answer(silent: subprocess.Popen[str]):
    out, err = silent.communicate(timeout=60)
    ran = Ran(silent.returncode, out, err)
    assert_says(ran, Row("", "", "holds this home and does not answer", 5, "daemon.log"))


@pytest.mark.proofs
def test_an_older_daemon_is_replaced(make: Callable[..., Home]):
    home = make()
    old = home.top / "old"
    shutil.copytree(Path(gpushopper.__file__).parent, old / "gpushopper", ignore=shutil.ignore_patterns("__pycache__"))
    source = old / "gpushopper" / "__init__.py"
    source.write_text(source.read_text().replace(gpushopper.__version__, "0.0.9"))
    first = home("daemon", "start", PYTHONPATH=str(old))
    assert "version 0.0.9" in first.out, first
    ran = home("ls")
    assert ran.code == 0
    assert f"restarting the daemon: it is version 0.0.9, this is {gpushopper.__version__}" in ran.err


@pytest.mark.proofs
def test_a_database_of_a_newer_version(make: Callable[..., Home]):
    home = make()
    home.must("ls")
    home.must("daemon", "stop")
    with closing(sqlite3.connect(home.home / "gpu-shopper.db")) as database:
        database.execute("PRAGMA user_version = 999")
    before = (home.home / "gpu-shopper.db").read_bytes()
    for words in ("ls", "audit", "daemon run"):
        assert_says(home(*words.split()), Row("", words, "written by a newer gpu-shopper", 4, "upgrade"))
    assert (home.home / "gpu-shopper.db").read_bytes() == before


@pytest.mark.proofs
def test_a_damaged_database_is_set_aside_and_its_instance_taken_back(
    make: Callable[..., Home], wait_until: Callable[..., None]
):
    home = make()
    home.must(*RENT.split(), "--name", "held")
    home.must("daemon", "stop")
    (home.home / "gpu-shopper.db").write_bytes(b"SQLite format 3\0" + b"damage" * 3000)
    ran = home("ls")
    assert ran.code == 0
    assert re.search(r"alarm \d: the database was damaged and has been set aside as \S+", ran.err)
    wait_until(lambda: "adopted-" in home.must("ls", "-o", "name"), timeout_s=60)
    assert home("shutdown", "--all", "--yes").code == 0
    assert_no_trace(home.home, ran)


@pytest.mark.proofs
def test_a_copied_home_is_refused_until_it_is_resolved(make: Callable[..., Home]):
    home, copy = make(), make()
    home.must("ls")
    home.must("daemon", "stop")
    shutil.copytree(home.home, copy.home, dirs_exist_ok=True)
    before = state_of(copy.home)
    refused = copy(*RENT.split())
    assert_says(refused, Row("", RENT, "copied or moved", 6, "config installation keep .* or new"))
    assert_nothing_changed(copy.home, before)
    copy.must("config", "installation", "keep")
    assert copy(*RENT.split(), "--no-wait").code == 0


# ---- bad days of the disk


@pytest.mark.proofs
@needs_root
def test_a_home_that_takes_no_writes(make: Callable[..., Home]):
    home = make()
    folder = home.home
    before = state_of(folder)
    with mounted(home, f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}"):
        for words in (RENT, "ls", "daemon run", "keys remove vast", "--sandbox ls"):
            ran = home(*words.split())
            assert_says(ran, Row("", words, f"{folder}.*Read-only file system", 4, "GPU_SHOPPER_HOME"))
            assert_no_trace(folder, ran)
    assert_nothing_changed(folder, before)


@pytest.mark.proofs
@needs_root
def test_on_a_full_disk_nothing_is_rented_and_everything_can_be_ended(make: Callable[..., Home]):
    home = make()
    folder = home.home
    shutil.copytree(folder, kept := home.top / "kept")
    with mounted(home, f"mount -t tmpfs -o size=260m,mode=700 none {folder}; cp {kept}/*.toml {folder}") as shell:
        home.must(*RENT.split(), "--name", "held")
        shell(f"mount -o remount,size=20m {folder}; dd if=/dev/zero of={folder}/full bs=4k status=none || true")
        ran = home(*RENT.split(), "--name", "other")
        assert_says(ran, Row("", RENT, "full|are free: nothing new is rented", 1, "free"))
        ended = home("shutdown", "held", "--yes")
        assert (ended.code, ended.out.split()[:2]) == (0, ["held", "off"]), ended
        log = subprocess.run([*home.before, "cat", str(folder / "daemon.log")], capture_output=True, check=True)
        assert b"Traceback" not in log.stdout


# ---- bad days of the market


def test_an_offer_that_went_meanwhile_costs_one_line(begun: tuple[Home, Ran]):
    ran = begun[1]
    assert ran.code == 0, ran
    assert len(re.findall(r"(?m)^vast:\d+ failed: ", ran.err)) == 1, ran.err
    assert "error" not in ran.err


@pytest.mark.proofs
def test_when_every_offer_is_refused_it_says_how_many_were_tried(market: Home):
    with fault(market, "create", "unavailable"):
        ran = market(*RENT.split(), "--name", "none", "--retries", "1")
    assert_says(ran, Row("", RENT, r"none did not become ready: retries exhausted \(2 tried\)", 7, "get none"))
    assert json.loads(market.must("get", "none", "--json"))["session"]["status"] == "failed"


@pytest.mark.proofs
def test_an_interrupted_wait_says_what_continues(market: Home):
    with fault(market, "create", "stuck_loading", "--count", "1"):
        process = market.begin(*RENT.split(), "--name", "stuck")
        assert process.stderr is not None
        said = ""
        while "starting instance" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    tail = err.splitlines()[-2:]
    assert tail == ["interrupted", "  provisioning continues; end it with: gpu-shopper --sandbox shutdown stuck"]
    assert market("shutdown", "stuck", "--yes").code == 0


# ---- bad days of the terminal


@pytest.mark.parametrize("tail", ["| head -1", ">&-"])
def test_a_closed_output_pipe_is_no_error(market: Home, tail: str):
    line = f"{' '.join(market.argv('inventory', '--limit', '60'))} {tail}"
    done = subprocess.run(["sh", "-c", line], env=market.variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) <= 1
    assert not re.search("error|unexpected|Traceback", done.stderr), done.stderr


def test_colour_is_off_where_the_environment_says_so(market: Home):
    assert "\x1b" in market("get", "nosuch", CLICOLOR_FORCE="1").err
    assert "\x1b" not in market("get", "nosuch", CLICOLOR_FORCE="1", NO_COLOR="1").err


def test_characters_that_the_locale_lacks_are_escaped(market: Home):
    """A stranger's label in other letters, with an escape sequence in it, shown under an ASCII locale."""
    market.must("sandbox", "launch", "vast", "--label", "東京\x1b[31m")
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for words in ("audit -o wide", "audit --json", "sandbox ledger -o wide"):
        ran = market(*words.split(), **plain)
        assert ran.code in (0, 9), ran
        assert "unexpected" not in ran.err and "\x1b" not in ran.out
    named = market(*RENT.split(), "--dry-run", "--gpu", "東京", **plain)
    assert_says(named, Row("", "", "no market knows a GPU", 3))
    named = market(*RENT.split(), "--dry-run", "--name", "Zürich", **plain)
    assert_says(named, Row("", "", "cannot be a session's name", 2))
