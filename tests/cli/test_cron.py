"""A real cron ends sessions with its bare surroundings: no bus, no runtime folder, hardly a variable (D16, F105).

cron runs in mount and PID namespaces of its own, with a private spool, private settings and a private /run, so that
neither its jobs nor what they start can touch this computer's. The three homes share one minute of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.cli.bad_days import COMMAND
from tests.cli.conftest import Shell
from tests.cli.keyrings import Home, needs_keyring, session
from tests.cli.market_process import serve
from tests.cli.ran import Ran
from tests.cli.test_overnight_script import SCRIPT, program
from tests.needs import lacking
from tests.sandbox_home import kill_groups, sandbox_home

pytestmark = pytest.mark.proofs

RENT = "provision --gpu RTX4090 --hours 1 --yes --name"
CRON_LIMIT_S = 300
"""Jobs start at the full minute; the rest is for what they wait for."""
END_S = 60

NAMESPACE = """
mount -t tmpfs none /run
mount -t tmpfs none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
mount --bind {folder}/crontab /etc/crontab
for name in cron.d cron.hourly cron.daily cron.weekly cron.monthly; do
  if [ -d /etc/$name ]; then mount --bind {folder}/empty /etc/$name; fi
done
crontab {folder}/jobs
exec cron -f
"""


def why_not() -> str:
    """What is missing here for a cron of the test's own; empty when nothing is."""
    if os.geteuid() != 0:
        return "needs root"
    if reason := lacking("cron", "crontab"):
        return reason
    if not Path("/etc/crontab").exists() or not Path("/var/spool/cron").is_dir():
        return "needs the folders of Debian's cron"
    trial = ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/run"]
    tried = subprocess.run(trial, capture_output=True, check=False)
    return "needs mount and PID namespaces" if tried.returncode else ""


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    if why := why_not():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    yield folder
    kill_groups(folder)
    shutil.rmtree(folder, ignore_errors=True)


def job(home: Home) -> str:
    """The line of one home."""
    return line(home.top, f"GPU_SHOPPER_HOME={home.folder} {COMMAND} shutdown --all --yes")


def line(top: Path, command: str) -> str:
    """A line of cron: what it says goes to a file, and its exit status last, in one step."""
    to = top / "ran"
    run = f"{command} >{to}.out 2>{to}.err"
    return f"* * * * * [ -e {to}.begun ] || {{ touch {to}.begun; {run}; echo $? >{to}.tmp; mv {to}.tmp {to}.code; }}\n"


@contextmanager
def cron(top: Path, lines: list[str]) -> Iterator[None]:
    """Run cron with these jobs; whatever they started ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="cron-", dir=top))
    (folder / "empty").mkdir(parents=True)
    (folder / "crontab").touch()
    (folder / "jobs").write_text("".join(['MAILTO=""\n', *lines]))
    bare = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    space = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private"]
    process = subprocess.Popen(
        [*space, "sh", "-ec", NAMESPACE.format(folder=folder)], env=bare, stdin=subprocess.DEVNULL
    )  # fmt: skip
    try:
        yield
        assert process.poll() is None, "cron did not run to the end"
    finally:
        process.kill()
        process.wait(END_S)


def what_ran(top: Path) -> Ran:
    out, err, code = ((top / f"ran.{name}").read_text() for name in ("out", "err", "code"))
    return Ran(int(code), out, err)


@needs_keyring
def test_cron_ends_sessions_or_says_until_when_each_will_live(top: Path, wait_until: Callable[..., None]):
    with serve(top / "market") as market, session(top / "session") as bus:
        bus.log_in()
        watched, by_file, by_keyring = (Home(top / name, bus=bus) for name in "abc")
        for home, options in ((watched, ()), (by_file, ("--file",)), (by_keyring, ())):
            home.settle(market.url)
            assert home("keys", "set", "vast", *options, stdin=market.key).code == 0
            home.must(*RENT.split(), f"train-{home.top.name}")
        by_file.must("daemon", "stop")
        by_keyring.must("daemon", "stop")
        daemon = watched.daemon_pid()
        homes = [watched, by_file, by_keyring]
        with cron(top, [job(home) for home in homes]):
            wait_until(lambda: all((home.top / "ran.code").exists() for home in homes), timeout_s=CRON_LIMIT_S)
        first, second, third = (what_ran(home.top) for home in homes)

        # A daemon that runs has its key in memory.
        assert (first.code, first.out.split()[:2]) == (0, ["train-a", "off"]), first
        assert "starting the daemon" not in first.err and watched.daemon_pid() == daemon

        # Without one the job starts it, and the key file does without a bus.
        assert (second.code, second.out.split()[:2]) == (0, ["train-b", "off"]), second
        assert second.err.startswith("starting the daemon ...\n")

        # With the key behind a bus that cron does not have: the end is kept, and nothing is said to be ended.
        assert (third.code, third.out) == (4, ""), third
        assert re.search(r"(?m)^error: no system keyring can be reached from here: no session bus$", third.err), third
        assert "keys set vast --file; it is destroyed as soon as a key is there" in third.err
        line = r"(?m)^train-c: its end is recorded; its deadline is .*\d\d:\d\d.*; nothing ends it until"
        assert re.search(line, third.err), third
        assert "no key" not in third.err.replace("it has no key", "")
        for ran in (first, second, third):
            assert market.key not in ran.out + ran.err and "Traceback" not in ran.err

        # Whoever logs in next brings the key, and what cron asked for is done.
        ran = by_keyring("shutdown", "--all", "--yes")
        assert (ran.code, ran.out.split()[:2]) == (0, ["train-c", "off"]), ran
        for home in homes:
            home.end()


def test_cron_runs_the_second_watcher_with_a_key_file_of_its_own(top: Path, wait_until: Callable[..., None]):
    """The computer that rented is gone; another one has its installation's id, a key file, and nothing else of it."""
    rented = Shell(top / "rented", "--sandbox")
    watching = top / "watching"
    try:
        assert rented("sandbox", "start", "--clouds", "vast").code == 0
        assert rented(*RENT.split(), "left").code == 0
        ours = rented("config", "show", "--json").json["installation"]
        os.kill(rented("status", "--json").json["status"]["pid"], signal.SIGKILL)
        assert rented("sandbox", "advance", "14h").code == 0

        sandbox = top / "rented" / "sandbox"
        (watching / "home" / "market").mkdir(parents=True)
        shutil.move(sandbox / "keys.toml", watching / "my keys.toml")
        for name in ("config.toml", "market/clock-offset"):  # the sandbox's clock is the time of both computers
            shutil.copy(sandbox / name, watching / "home" / name)
        job = f"GPU_SHOPPER_HOME={watching / 'home'} {COMMAND} watchdog --quiet --installation {ours}"
        with cron(top, [line(watching, f"{job} --key-file '{watching / 'my keys.toml'}'")]):
            wait_until((watching / "ran.code").exists, timeout_s=CRON_LIMIT_S)
        ran = what_ran(watching)
        assert ran.code == 9 and "1 instance past the hard maximum: ended" in ran.err, ran
        assert "Traceback" not in ran.err
        assert [row["state"] for row in rented("sandbox", "ledger", "--json").json["instances"]] == ["gone"]
        assert {path.name for path in (watching / "home").iterdir()} == {"config.toml", "market"}, "it keeps nothing"
    finally:
        rented("sandbox", "stop")


def test_cron_rents_runs_fetches_and_ends(top: Path, wait_until: Callable[..., None]):
    """docs/overnight.sh as a job, on a live instance."""
    if reason := containment_problem(top):
        pytest.skip(reason)
    folder = top / "night"
    path = f"{program(folder / 'bin')}:/usr/bin:/bin"
    with sandbox_home(folder / "h", 17, "--live") as made:
        made.must("status")
        job = f"cd {folder} && GPU_SHOPPER_HOME={made.top} PATH={path} sh {SCRIPT}"
        with cron(top, [line(folder, job)]):
            wait_until((folder / "ran.code").exists, timeout_s=CRON_LIMIT_S)
        ran = what_ran(folder)
        assert ran.code == 0 and re.search(r"(?m)^night-\d+  off  ", ran.out), ran
        (result,) = folder.glob("results/*/result.txt")
        assert result.read_text().strip()
        assert [row["state"] for row in json.loads(made.must("sandbox", "ledger", "--json"))["instances"]] == ["gone"]
