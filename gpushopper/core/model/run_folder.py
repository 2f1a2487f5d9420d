"""The folder of a run on an instance: shell text that reads its state, and what is listed of it, as a value.

Times come from the instance, whose clock may be wrong: they are read as ages, and counted back from now here.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from gpushopper.core.timing.clock_snapshot import SECOND

FOLDER = '"$HOME/.gpu-shopper/runs"'
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
JUPYTER = "jupyter-"
"""The run id of a Jupyter server begins so (`gpu-shopper jupyter`): no end waits for it, because it never ends."""

# `state FOLDER` sets `s` to the status of a run, or to running, lost or 'not started'. The status file is read again
# after the process, which may have ended in between. A run goes on while what it has started has its output open, even
# if its wrapper was killed; `open` holds who has: whoever looks again sets it empty before. `first FILE N` sets `x` to
# the first line of a regular file, cut after N characters, and fails where there is none: whoever works there may have
# put anything in its place. R: the root that holds /proc, for tests. Also a part of agent/upkeep.sh.
STATE = """
R=${R-} open=
NEW_LINE='
'
first() {
  x=
  [ -f "$1" ] && [ ! -h "$1" ] || return
  { x=$(head -c "$2" "$1"); } 2>/dev/null
  x=${x%%"$NEW_LINE"*}
  [ "$x" ]
}
lives() {
  first "$1/pid" 20 || return
  case $x in *[!0-9]*) return 1 ;; esac
  if [ ! -r "$R/proc/self/cmdline" ]; then
    kill -0 "$x" 2>/dev/null
    return
  fi
  { tr '\\0' '\\n' <"$R/proc/$x/cmdline"; } 2>/dev/null | grep -qF "${1##*/}"
}
writes() {
  [ "$open" ] || open=" $(ls -l "$R"/proc/[0-9]*/fd/[12] 2>/dev/null | grep -F /.gpu-shopper/runs/)"
  case $open in *" $(cd "$1" 2>/dev/null && pwd -P)/"*) ;; *) return 1 ;; esac
}
state() {
  s=running
  first "$1/status" 8 && s=${x%% *} && return
  ! lives "$1" || return 0
  first "$1/status" 8 && s=${x%% *} && return
  s='not started'
  ! first "$1/pid" 20 || s=lost
  [ $s = 'not started' ] || ! writes "$1" || s=running
}
"""

# `row ID` prints a line of LISTED, after `state ID`. `command` is written when the run is started, and never after;
# `status` when it has ended.
ROW = """
made() { date -r "$1" +%s 2>/dev/null || stat -c %Y "$1" 2>/dev/null || echo -; }
row() {
  state "$1"
  end=- ends=0
  [ ! -f "$1/status" ] || end=$(made "$1/status")
  [ ! -f "$1/ends" ] || ends=1
  line=$(head -c 200 "$1/command" | tr '\\n\\t\\r' '   ')
  printf '%s\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$1" "$s" "$(date +%s)" "$(made "$1/command")" $end $ends "$line"
}
"""
_STATUS = re.compile(r"\d{1,3}|running|lost|not started")
_TIME = r"(\d{1,12}|-)"
LISTED = re.compile(rf"[A-Za-z0-9_-]{{1,40}}\t[^\t]{{1,20}}\t{_TIME}\t{_TIME}\t{_TIME}\t[01]\t[^\t]{{0,800}}")


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its instance shows it; times are wall µs here, None where they are not known.

    `status` is the exit status as a number in text, or running, lost, not started. `ends`: whether it shall end its
    instance.
    """

    run: str
    status: str
    command: str
    started_at: int | None = None
    ended_at: int | None = None
    ends: bool = False

    @property
    def is_over(self) -> bool:
        return self.status not in ("running", "not started")


@dataclass(frozen=True, slots=True)
class KeptNow:
    """What came of fetching the outputs of runs: which are kept whole, and why others may not be."""

    complete: frozenset[str] = frozenset()
    problem: str = ""


def life_mark(attempt_id: str) -> int:
    """Names the life of one instance in digits, in its limits and in the file `ends` of each run started there.

    Images and lasting disks bring run folders of other lives, which must not end this one.
    """
    return zlib.crc32(attempt_id.encode()) or 1


def known_status(text: str) -> str:
    """A status as an instance gives it; what is none counts as lost."""
    return text.strip() if _STATUS.fullmatch(text.strip()) else "lost"


def read_row(line: str, now: int) -> Run | None:
    """Parse a line of `row`; None for any other line. `now` is wall µs."""
    if not LISTED.fullmatch(line):
        return None
    run, status, there, started, ended, ends, command = line.split("\t")
    times = _here(started, there, now), _here(ended, there, now)
    return Run(run, known_status(status), command.strip(), *times, ends == "1")


def _here(at: str, there_now: str, now: int) -> int | None:
    """A second of the instance's clock as wall µs of ours; None where it is not known."""
    if not (at.isdecimal() and there_now.isdecimal()):
        return None
    return now - max(int(there_now) - int(at), 0) * SECOND
