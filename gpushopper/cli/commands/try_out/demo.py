"""`demo`: the whole story on a practice market, told by the real commands."""

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
"""Free space in the folder for temporary files; measured: 7 MB, with instances that really run."""
ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Scene(NamedTuple):
    """One command of the story, and what to know about it."""

    words: str
    says: str


OPENING = Scene(
    "sandbox start --live{seed}",
    "A practice market: a simulated cloud that speaks the real one's language, with instances that really run, shut in"
    " on this computer. No account, no money.",
)
PAPER_OPENING = Scene(
    "sandbox start{seed}",
    "The same market on paper: its instances have a state and a bill, and nobody to log in to.",
)
CHOICE = (
    Scene(
        "--sandbox inventory --gpu 'RTX 4090' --limit 5",
        "What does it offer? The price is GPU and disk together.",
    ),
    Scene(
        "--sandbox plan --gpu 'RTX 4090' --hours 2",
        "Before anything is rented: the most it can cost, whichever offer it becomes, and when it ends.",
    ),
    Scene(
        "--sandbox provision --gpu 'RTX 4090' --hours 2 --name demo --yes",
        "Rent it. The end is written down before the request leaves.",
    ),
)
LIVE_WORK = (
    Scene("--sandbox ssh demo -- nvidia-smi", "Log in: a key of its own, the host's key pinned."),
    Scene("--sandbox cp {home}/question.txt demo:question.txt", "Bring something to work on ..."),
    Scene("--sandbox ssh demo -- 'tr a-z A-Z <question.txt >answer.txt'", "... work on it ..."),
    Scene("--sandbox cp demo:answer.txt {home}/answer.txt", "... and take the result home."),
    Scene(
        "--sandbox ls",
        "What it cost so far, the most it can cost, when it ends. D: our daemon ends it. I: so does the instance,"
        " if this computer never comes back.",
    ),
)
PAPER_WORK = (
    Scene("--sandbox ls", "One session: what it cost so far, the most it can cost, and when it ends."),
    Scene("sandbox advance 45m", "45 minutes of work, in an instant."),
)
END = (
    Scene("--sandbox costs", "Charged to the second."),
    Scene(
        "--sandbox shutdown demo --yes --wait proven",
        "End it. 'off' means the cloud shows it no more; 'destroyed' is said only when that is proven.",
    ),
    Scene("--sandbox receipt demo", "The receipt: the proof that it is gone, and the final cost."),
    Scene("sandbox ledger", "And what the market itself says it billed."),
)
QUESTION = "does this come home?\n"
CANNOT = 6
"""Exit status of a refusal: this computer cannot shut instances in."""


@click.command("demo", cls=Command)
@click.option("--seed", type=int, metavar="N", help="Another market, other figures.")
@click.option("--paper", is_flag=True, help="Tell it on paper, without instances that really run.")
@click.option("--keep", is_flag=True, help="Keep the home folder and leave the market running.")
@click.pass_obj
def demo(app: App, seed: int | None, paper: bool, keep: bool) -> None:
    """Tell the whole story on a practice market, in about half a minute. Needs no account and costs nothing."""
    if app.as_json:
        app.output = "table"
    with _home(app, keep) as home:
        (home / "question.txt").write_text(QUESTION)
        live = not paper and _play(app, OPENING, home, seed, may_refuse=True)
        if not live:
            _play(app, PAPER_OPENING, home, seed)
        for scene in (*CHOICE, *(LIVE_WORK if live else PAPER_WORK), *END):
            _play(app, scene, home, seed)
        if live and (home / "answer.txt").read_text() != QUESTION.upper():
            raise ProblemsFound("what came home is not what was asked for")
        receipt, ledger = _ask(home, "--sandbox receipt demo --json"), _ask(home, "sandbox ledger --json")
        agree = ledger_comparison.compare(app, ledger_comparison.read(receipt, ledger))
    if not agree:
        raise ProblemsFound("receipt and ledger disagree")


@contextmanager
def _home(app: App, keep: bool) -> Iterator[Path]:
    """A home of the demo's own; afterwards nothing of it runs or remains, however the demo ended."""
    folder = Path(tempfile.gettempdir())
    check_space(folder)
    home = folder / f"gs-demo-{secrets.token_hex(4)}"
    watch = demo_cleanup.Watch(home)  # first, so that there is nothing that it does not know of
    before = {number: signal.getsignal(number) for number in ENDS}
    try:
        for number in ENDS:
            if before[number] is not signal.SIG_IGN:  # `nohup` means it
                signal.signal(number, _end)
        home.mkdir(mode=0o700)
        yield home
        app.goes_on = ""
    finally:
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        if keep:
            app.note(f"\nKept: {HOME_VARIABLE}={home}; stop it with: {HOME_VARIABLE}={home} gpu-shopper sandbox stop")
        elif not demo_cleanup.clear(home, spared=[watch.pid]):
            app.note(f"\nNot everything could be removed; see: ls -la {home}")
        watch.dismiss()
        for number, handler in before.items():
            signal.signal(number, handler)


def check_space(folder: Path, needed_mb: int = NEEDED_MB) -> None:
    """Refuse before anything is begun where the demo would fail in its middle.

    Raises:
        DiskFull: too little is free in the folder for temporary files.
    """
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < needed_mb:
        raise DiskFull(
            f"the demo needs {needed_mb} MB in {folder}, {free_mb} MB are free",
            "free some, or use a folder on a larger disk and run it again: export TMPDIR=/var/tmp",
        )


def _end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _command(words: str) -> list[str]:
    return [sys.executable, "-m", "gpushopper.cli", *shlex.split(words)]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, HOME_VARIABLE: str(home)}


def _play(app: App, scene: Scene, home: Path, seed: int | None, *, may_refuse: bool = False) -> bool:
    """Say what comes, show the command, run it with its real output; False when it refused, where it may."""
    words = scene.words.format(seed="" if seed is None else f" --seed {seed}", home=home)
    colored = app.has_color(sys.stdout)
    dim, bold, plain = ("\x1b[2m", "\x1b[1m", "\x1b[0m") if colored else ("", "", "")
    print(f"\n{dim}# {scene.says}{plain}\n{bold}$ gpu-shopper {words}{plain}", flush=True)
    code = _run(words, home).returncode
    if code and not (may_refuse and code == CANNOT):
        raise ShopperError(f"the demo stopped: that command ended with status {code}")
    return code == 0


def _ask(home: Path, words: str) -> str:
    """The answer of a command, for the comparison."""
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
