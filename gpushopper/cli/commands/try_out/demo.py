"""`demo`: walk through a whole session in the sandbox by running the real commands, each with an explanation."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import ledger_comparison
from gpushopper.cli.process import demo_cleanup
from gpushopper.errors import DiskFull, ProblemsFound, ShopperError
from gpushopper.paths import HOME_VARIABLE

COMMAND_LIMIT_S = 120
NEEDED_MB = 50
"""Free space in the temporary folder; measured: 7 MB with live instances."""
END_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class DemoStep(NamedTuple):
    """One command of the demo, and the explanation printed above it."""

    words: str
    explanation: str


START_LIVE = DemoStep(
    "sandbox start --live{seed}",
    "A sandbox: a simulated cloud with the real one's API, and live instances, contained on this computer."
    " No account, no money.",
)
START_SIMULATED = DemoStep(
    "sandbox start{seed}",
    "The same sandbox with simulated instances: they have a state and a bill, and no login.",
)
CHOICE = (
    DemoStep(
        "--sandbox inventory --gpu 'RTX 4090' --limit 5",
        "What does it offer? The price is GPU and disk together.",
    ),
    DemoStep(
        "--sandbox plan --gpu 'RTX 4090' --hours 2",
        "Before anything is rented: the most it can cost, whichever offer is taken, and when it ends.",
    ),
    DemoStep(
        "--sandbox provision --gpu 'RTX 4090' --hours 2 --name demo --yes",
        "Rent it. The deadline is stored before the request is sent.",
    ),
)
LIVE_WORK = (
    DemoStep("--sandbox ssh demo -- nvidia-smi", "Log in: a key for this session only, the host key pinned."),
    DemoStep("--sandbox cp {home}/question.txt demo:question.txt", "Copy something to work on ..."),
    DemoStep("--sandbox ssh demo -- 'tr a-z A-Z <question.txt >answer.txt'", "... work on it ..."),
    DemoStep("--sandbox cp demo:answer.txt {home}/answer.txt", "... and copy the result back."),
    DemoStep(
        "--sandbox ls",
        "What it cost so far, the most it can cost, when it ends. D: the daemon ends it. I: the instance ends itself,"
        " even if this computer never comes back.",
    ),
)
SIMULATED_WORK = (
    DemoStep("--sandbox ls", "One session: what it cost so far, the most it can cost, and when it ends."),
    DemoStep("sandbox advance 45m", "45 minutes of work in a moment."),
)
END = (
    DemoStep("--sandbox costs", "Charged to the second."),
    DemoStep(
        "--sandbox shutdown demo --yes --wait proven",
        "End it. 'off' means the cloud no longer lists it; 'destroyed' is printed only when that is proven.",
    ),
    DemoStep("--sandbox receipt demo", "The receipt: the proof that it is gone, and the final cost."),
    DemoStep("sandbox ledger", "And what the sandbox itself has billed."),
)
QUESTION = "does this come back?\n"
CANNOT_CONTAIN = 6
"""Exit status of `sandbox start --live` where this computer cannot contain instances."""


@click.command("demo", cls=Command)
@click.option("--seed", type=int, metavar="N", help="Another sandbox with other prices.")
@click.option("--paper", is_flag=True, help="Use simulated instances only.")
@click.option("--keep", is_flag=True, help="Keep the home folder and leave the sandbox running.")
@click.pass_obj
def demo(app: App, seed: int | None, paper: bool, keep: bool) -> None:
    """Walk through a whole session in the sandbox, in about half a minute. Needs no account and costs nothing."""
    if app.as_json:
        app.output = "table"
    with _home(app, keep) as home:
        (home / "question.txt").write_text(QUESTION)
        live = not paper and _run_step(app, START_LIVE, home, seed, may_refuse=True)
        if not live:
            _run_step(app, START_SIMULATED, home, seed)
        for step in (*CHOICE, *(LIVE_WORK if live else SIMULATED_WORK), *END):
            _run_step(app, step, home, seed)
        if live and (home / "answer.txt").read_text() != QUESTION.upper():
            raise ProblemsFound("the copied file differs from what was expected")
        receipt, ledger = _output_of(home, "--sandbox receipt demo --json"), _output_of(home, "sandbox ledger --json")
        agree = ledger_comparison.compare(app, ledger_comparison.read_sides(receipt, ledger))
    if not agree:
        raise ProblemsFound("receipt and ledger disagree")


@contextmanager
def _home(app: App, keep: bool) -> Iterator[Path]:
    """A home folder for this demo; afterwards its processes are ended and the folder is removed, however it ended."""
    folder = Path(tempfile.gettempdir())
    check_space(folder)
    home = folder / f"gs-demo-{secrets.token_hex(4)}"
    watcher = demo_cleanup.CleanupWatcher(home)  # first, so that it covers everything that follows
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    try:
        for number in END_SIGNALS:
            if before[number] is not signal.SIG_IGN:  # ignored by `nohup`: stay with that
                signal.signal(number, _interrupt)
        home.mkdir(mode=0o700)
        yield home
        app.interrupt_hint = ""
    finally:
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if keep:
            app.note(f"\nKept: {HOME_VARIABLE}={home}; stop it with: {HOME_VARIABLE}={home} gpu-shopper sandbox stop")
        elif not demo_cleanup.clear(home, spared=[watcher.pid]):
            app.note(f"\nNot everything could be removed; see: ls -la {home}")
        watcher.dismiss()
        for number, handler in before.items():
            signal.signal(number, handler)


def check_space(folder: Path, needed_mb: int = NEEDED_MB) -> None:
    """Refuse to begin where the disk is too full to finish.

    Raises:
        DiskFull: less than `needed_mb` is free in the temporary folder.
    """
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < needed_mb:
        raise DiskFull(
            f"the demo needs {needed_mb} MB in {folder}, {free_mb} MB are free",
            "free some, or use a folder on a larger disk and run it again: export TMPDIR=/var/tmp",
        )


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _command(words: str) -> list[str]:
    return [sys.executable, "-m", "gpushopper.cli", *shlex.split(words)]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, HOME_VARIABLE: str(home)}


def _run_step(app: App, step: DemoStep, home: Path, seed: int | None, *, may_refuse: bool = False) -> bool:
    """Print the explanation and the command, then run it; False if it refused, where `may_refuse` allows that."""
    words = step.words.format(seed="" if seed is None else f" --seed {seed}", home=home)
    colored = app.has_color(sys.stdout)
    dim, bold, plain = ("\x1b[2m", "\x1b[1m", "\x1b[0m") if colored else ("", "", "")
    print(f"\n{dim}# {step.explanation}{plain}\n{bold}$ gpu-shopper {words}{plain}", flush=True)
    code = _run(words, home).returncode
    if code and not (may_refuse and code == CANNOT_CONTAIN):
        raise ShopperError(f"the demo stopped: that command ended with status {code}")
    return code == 0


def _output_of(home: Path, words: str) -> str:
    """The stdout of a command, for the comparison of receipt and ledger."""
    done = _run(words, home, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise ShopperError(f"the demo stopped: {words} ended with status {done.returncode}")
    return str(done.stdout)


def _run(words: str, home: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            _command(words), env=_environment(home), text=True, timeout=COMMAND_LIMIT_S, check=False, **more
        )
    except subprocess.TimeoutExpired as late:
        raise ShopperError(f"the demo stopped: {words} took longer than {COMMAND_LIMIT_S} s") from late
