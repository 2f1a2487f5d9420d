"""Write the shell command that sends runs and their outputs, and parse its answer: bounded, and never trusted (I18)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from gpushopper.core.model.run_folder import FOLDER, ROW, STATE, Run, read_row
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.kept_runs import ERR, HALF, OUT, Output

MOST_RUNS, MOST_KNOWN = 50, 1000
"""Of one answer; of one command, which has a limited length."""
SIZE_LIMIT = 4 * HALF + 4 * 10**6
"""Bytes of one answer: the two outputs of the longest run, and what is said of others."""
_LINE = 4096

# A file may grow or shrink meanwhile: the parser counts, and takes nothing from an answer that does not add up.
_SEND = """
exec 2>/dev/null
printf '\\n%s begin\\n' {marker}
cd {folder} || exit 0
send() {{
  n=$(wc -c <"$1/$2"); n=$((n))
  h=$n t=0
  [ $n -le {both} ] || {{ h={half} t={half}; }}
  printf 'F %s %s %s %s\\n' $2 $n $h $t
  head -c $h "$1/$2"
  [ $t = 0 ] || tail -c +$((n-t+1)) "$1/$2" | head -c $t
}}
for run in $(ls -t */command | head -n {most}); do
  run=${{run%/command}}
  case "$run,"' {known} ' in *[!A-Za-z0-9_-]*,*|*" $run "*) continue ;; esac
  printf 'R '
  row "$run"
  send "$run" out
  send "$run" err
done
echo E
"""
_FILE = re.compile(rb"F (out|err) (\d{1,15}) (\d{1,9}) (\d{1,9})")


class Fetched(NamedTuple):
    """A run with its two outputs."""

    run: Run
    out: Output
    err: Output


def fetch_command(marker: str, known: Collection[str]) -> str:
    """The shell command; `known` are runs that are not sent, because all of them is kept: MOST_KNOWN at most."""
    script = _SEND.format(
        marker=marker, folder=FOLDER, half=HALF, both=2 * HALF, most=MOST_RUNS, known=" ".join(sorted(known))
    )
    return over_ssh(STATE + ROW + script)


def read_fetched(answer: bytes, marker: str, now: int) -> list[Fetched]:
    """The runs in an answer, whole or cut off; what was cut is as long as it came. `now` is wall µs.

    At most as many as were asked for: each is a folder on this computer.
    """
    reader = _Reader(answer, marker)
    found: list[Fetched] = []
    while len(found) < MOST_RUNS and (run := reader.run(now)) is not None:
        out, err = reader.output(OUT), reader.output(ERR)
        if out is None:
            break
        found.append(Fetched(run, out, err or Output(size=1)))
        if err is None:
            break
    return found


class _Reader:
    """Goes through an answer; every length is checked against what is there and what may be."""

    def __init__(self, answer: bytes, marker: str) -> None:
        begin = f"\n{marker} begin\n".encode()
        place = answer.find(begin)
        self._answer = answer
        self._at = len(answer) if place < 0 else place + len(begin)

    def _line(self) -> bytes:
        end = self._answer.find(b"\n", self._at, self._at + _LINE)
        if end < 0:
            return b""
        line, self._at = self._answer[self._at : end], end + 1
        return line

    def run(self, now: int) -> Run | None:
        line = self._line()
        return read_row(line[2:].decode("utf-8", "replace"), now) if line.startswith(b"R ") else None

    def output(self, name: str) -> Output | None:
        match = _FILE.fullmatch(self._line())
        if match is None or match[1] != name.encode():
            return None
        size, head, tail = (int(match[place]) for place in (2, 3, 4))
        if head + tail > 2 * HALF:
            return None
        return Output(size, self._take(head), self._take(tail))

    def _take(self, count: int) -> bytes:
        taken = self._answer[self._at : self._at + count]
        self._at += len(taken)
        return taken
