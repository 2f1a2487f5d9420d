"""Bring agent, upkeep and limits to an instance, and read the agent's report: lines of shell, and their answers.

They lie in the guard's folder, which is root's: as with renewals, another login reaches it by sudo (ends.md E4). The
programs come over the login's stdin, compressed: a command of ssh has a limited length.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shlex
from dataclasses import dataclass

from gpushopper.core.model.heartbeat import Brought
from gpushopper.remote import guard_files
from gpushopper.remote.agent import agent_report
from gpushopper.remote.agent_files import AGENT, UPKEEP, agent_text, upkeep_text

LIMITS, REPORT, HOOK = "limits", "report.json", "before-end"
MOST_BYTES = 200_000
"""Of both programs together: more is not ours."""
LEAST_FREE_KB = 1024
"""Less free disk than this explains a transfer that failed."""

_ANSWER = re.compile(r"brought=(-|\d{1,10})\npython=(ok|old|none)\nfree=(\d{0,15})")


@dataclass(frozen=True, slots=True)
class Programs:
    """The two programs, as they are brought. `digest` names this version of both."""

    upkeep: str
    agent: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.upkeep}\0{self.agent}".encode()).hexdigest()[:16]

    def packed(self, hook: str = "") -> bytes:
        """One line of base64 for each program, and one for the user's hook if there is one, as `bring_command` reads.

        Raises:
            ValueError: together they are too long.
        """
        if len(self.upkeep) + len(self.agent) > MOST_BYTES:
            raise ValueError("the programs for instances are too long")
        texts = (guard_files.stripped(self.upkeep), self.agent, *([hook] if hook else []))
        return b"".join(base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)) + b"\n" for text in texts)


def load_programs() -> Programs:
    """Load both programs from agent/."""
    return Programs(upkeep_text(), agent_text())


def report_command() -> str:
    """Lines that print the instance's uptime and boot id, then the agent's report if there is one."""
    return in_guard_folder(_REPORT.format(most=agent_report.SIZE_LIMIT + 1, report=REPORT))


def bring_command(limits: str, *, with_hook: bool = False) -> str:
    """Lines that save the programs on stdin and these limits, each as a whole or not at all, and say how it went."""
    hook = f"&& save {HOOK} " if with_hook else f'&& rm -f "$D/{HOOK}" '
    names = {"upkeep": UPKEEP, "agent": AGENT, "name": LIMITS, "hook": hook}
    return in_guard_folder(_BRING.format(limits=shlex.quote(limits), **names))


def read_brought(text: str) -> Brought:
    """Parse the answer of `bring_command`."""
    match = _ANSWER.fullmatch(text.replace("\r\n", "\n").strip("\n"))
    if match is None:
        return Brought(problem="its agent could not be brought there")
    checksum, python, free = match.groups()
    if checksum == "-":
        is_full = free.isdecimal() and int(free) < LEAST_FREE_KB
        return Brought(problem="its disk is full" if is_full else "its agent could not be saved there")
    return Brought(checksum, _PYTHON[python])


_PYTHON = {"ok": "", "old": "its python3 is older than 3.8", "none": "it has no python3"}

_REPORT = """\
read -r x y </proc/uptime
read -r y </proc/sys/kernel/random/boot_id
printf '%s %s\\n' "$x" "$y"
[ -f "$D/{report}" ] && head -c {most} "$D/{report}"
"""

# gunzip refuses what was damaged or cut on the way. The limits come last: without programs they limit nothing.
_BRING = """\
umask 077
rm -f "$D/{upkeep}.new" "$D/{agent}.new" "$D/{name}.new"
save() {{
read -r x && printf %s "$x" | base64 -d | gunzip >"$D/$1.new" && put "$1"
}}
put() {{
mv -f "$D/$1.new" "$D/$1" && [ -f "$D/$1" ]
}}
x=$(sed -n '1s/.* END=\\([0-9]*\\).*/\\1/p' "$D/guard.sh")
L="END=$x "{limits}
if save {upkeep} && save {agent} {hook}&& printf '%s\\n' "$L" >"$D/{name}.new" && put {name}; then
x=$(cat "$D/{upkeep}" "$D/{agent}" "$D/{name}" | cksum)
echo "brought=${{x%% *}}"
else
rm -f "$D/{upkeep}.new" "$D/{agent}.new" "$D/{name}.new"
echo brought=-
fi
x=none
! command -v python3 >/dev/null || x=old
python3 -Ic 'import sys; sys.exit(sys.version_info < (3, 8))' </dev/null && x=ok
echo python=$x
df -Pk "$D" | {{
read -r x
read -r x x x y x
echo free=$y
}}
"""


def in_guard_folder(lines: str) -> str:
    """Run lines where the guard lies (D), as root if that is possible; nothing runs where there is no guard."""
    find = f'{guard_files.FOLDERS}; do\nD=$D/{guard_files.FOLDER}\n[ -s "$D/{guard_files.SCRIPT}" ] || continue\n'
    whole = f"export LC_ALL=C\n{find}{lines}exit\ndone\n"
    # sudo may read what is on stdin: the first one is given nothing.
    root = f"[ $(id -u) = 0 ] || ! sudo -n true </dev/null || exec sudo -n /bin/sh -c {shlex.quote(whole)}\n"
    return f"(\n{root}{whole})"
