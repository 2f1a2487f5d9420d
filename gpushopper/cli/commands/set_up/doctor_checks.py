"""Checks of `doctor` on this computer: ssh, the clock beside the clouds', live instances, what starts the daemon.

A check is a row: `ok`, `text`, and `hint`, what to do. One that is `optional` is not fulfilled, and nothing that bills
depends on it.
"""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gpushopper.core.timing.clock_snapshot import MAX_CLOCK_SKEW, ClockSnapshot, clocks_disagree
from gpushopper.core.timing.duration_text import span

Check = dict[str, Any]
PROGRAM_LIMIT_S = 10
UNIT_FOLDERS = (
    "~/.config/systemd/user", "/etc/systemd/user", "/etc/systemd/system", "~/Library/LaunchAgents",
)  # fmt: skip
LINGER = "/var/lib/systemd/linger"
_STARTS = re.compile(r"gpu-?shopper\S* .*\bdaemon\b")
"""A line that starts the daemon, in a unit or a crontab."""


def check(name: str, ok: bool, text: str, hint: str = "", *, optional: bool = False) -> Check:
    """One row; the hint says what to do where it is not fulfilled."""
    return {
        "name": name,
        "ok": ok or optional,
        "optional": optional and not ok,
        "text": text,
        "hint": "" if ok else hint,
    }


def ssh() -> Check:
    """OpenSSH: without it no instance can be used, nor its guard be confirmed."""
    program = shutil.which("ssh")
    if program is None:
        return check("ssh", False, "there is no program ssh", "install OpenSSH (Debian: apt install openssh-client)")
    try:
        done = _run([program, "-V"])
    except (OSError, subprocess.TimeoutExpired) as error:
        return check("ssh", False, f"{program} does not run: {error}", "install OpenSSH anew")
    version = (done.stderr or done.stdout).decode(errors="replace").strip()
    return check("ssh", done.returncode == 0, version or program, "install OpenSSH anew")


def members(socket: str, problem: str) -> list[Check]:
    """Whether a lab server's members can connect; nothing where no group is set."""
    hint = "mended, it opens within seconds; see: gpu-shopper config get daemon.group"
    return [check("members", not problem, problem or f"can connect at {socket}", hint)] if socket else []


def clock(now: ClockSnapshot, ahead_us: Iterable[int]) -> Check:
    """This computer's clock beside the dates of clouds that answered: deadlines are kept by it (F62)."""
    hint = "set this computer's clock (Linux: timedatectl set-ntp true)"
    known = sorted(ahead_us, key=abs)
    if clocks_disagree(now):
        return check("clock", False, "it shows a year that cannot be", hint)
    if not known:
        return check("clock", True, "not compared: no cloud has told its date")
    worst = known[-1]
    text = f"{span(abs(worst))} {'ahead of' if worst > 0 else 'behind'} a cloud's"
    is_right = abs(worst) <= MAX_CLOCK_SKEW
    return check("clock", is_right, f"within {span(MAX_CLOCK_SKEW)} of the clouds'" if is_right else text, hint)


def namespaces(problem: str) -> Check:
    """Whether `sandbox start --live` works here, by what a trial has said; real clouds do without."""
    hint = "only needed by: gpu-shopper sandbox start --live; without it, the sandbox simulates its instances"
    return check("namespaces", not problem, problem or "live instances of the sandbox work here", hint, optional=True)


def unit(folders: Iterable[str] = UNIT_FOLDERS, linger: str = LINGER) -> Check:
    """Whether the daemon is started after a restart of this computer (F55); instances end by themselves meanwhile."""
    found = next((path for folder in folders for path in _units(Path(folder).expanduser())), None)
    if found is not None:
        is_users = found.is_relative_to(Path.home()) and found.suffix == ".service"
        lasts = not is_users or (Path(linger) / getpass.getuser()).exists()
        text = f"started by {found}" + ("" if lasts else ", which ends when you log out")
        return check("unit", lasts, text, "let it go on: loginctl enable-linger", optional=True)
    if _crontab_starts_it():
        return check("unit", True, "started by your crontab")
    text = "after a restart of this computer no daemon runs until a command needs one"
    return check("unit", False, text, "have it started, and kept running: gpu-shopper daemon install", optional=True)


def _units(folder: Path) -> Iterable[Path]:
    for path in sorted([*folder.glob("*.service"), *folder.glob("*.plist")]):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if _STARTS.search(re.sub(r"</string>\s*<string>", " ", text)):
            yield path


def _crontab_starts_it() -> bool:
    program = shutil.which("crontab")
    if program is None:
        return False
    try:
        lines = _run([program, "-l"]).stdout.decode(errors="replace").splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return False
    return any(_STARTS.search(line) for line in lines if not line.lstrip().startswith("#"))


def _run(words: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_LIMIT_S, check=False)
