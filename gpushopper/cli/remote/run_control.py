"""List the runs on an instance, and stop one: the scripts, and their answers read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpushopper.cli.remote import ssh_connection
from gpushopper.core.model.run_folder import FOLDER, ROW, STATE, Run, known_status, read_row
from gpushopper.core.model.shell_environment import CLEAN

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

MOST_RUNS = 50
STOP_LIMIT_S = 10
"""How long a run may take to end after SIGTERM, until SIGKILL follows."""

_LIST = f"""
cd {FOLDER} 2>/dev/null || exit 0
for run in $(ls -t */command 2>/dev/null | head -n {MOST_RUNS}); do row "${{run%/command}}"; done
"""

# All processes of the run's own session but its wrapper, which writes the status. Where the image has no setsid, the
# session is the login's: then all that descend from the wrapper. A process gets SIGTERM once: a second one stops the
# orderly end of many programs.
_STOP = f"""
look() {{
  read -r line <"/proc/$1/stat" || return
  line=${{line##*) }}
  set -f; set -- $line; set +f
  st=$1 parent=$2 sid=$4
}}
members() {{
  found=
  tree=" $p "
  for f in $(ls /proc | grep '^[0-9]*$' | sort -n); do
    [ "$f" != "$p" ] && look "$f" 2>/dev/null && [ "$st" != Z ] || continue
    case $own in
      1) [ "$sid" = "$p" ] || continue ;;
      *) case $tree in *" $parent "*) tree="$tree$f " ;; *) continue ;; esac ;;
    esac
    found="$found $f"
  done
}}
told=' '
signal() {{
  members
  for f in $found; do
    case $1,$told in TERM,*" $f "*) continue ;; esac
    told="$told$f "
    kill -$1 "$f" 2>/dev/null
  done
}}
pause() {{ sleep 0.2 2>/dev/null || sleep 1; }}
late() {{ [ $(($(date +%s)-begun)) -ge $1 ]; }}
is_over() {{ open=; state "$run"; [ "$s" != running ]; }}
tell() {{
  ends=0; [ ! -f "$run/ends" ] || ends=1
  echo "$1 $s $ends"
}}
stop() {{
  cd {FOLDER} 2>/dev/null && [ -f "$run/command" ] || {{ echo none; return; }}
  [ $keep = 0 ] || rm -f "$run/ends" || {{ echo kept-not; return; }}
  state "$run"
  [ "$s" = running ] || {{ tell over; return; }}
  p=$(cat "$run/pid")
  # A wrapper that was killed leaves its session to what it has started.
  own=1
  ! look "$p" 2>/dev/null || [ "$sid" = "$p" ] || own=0
  begun=$(date +%s)
  until is_over || late {STOP_LIMIT_S}; do signal TERM; pause; done
  begun=$(date +%s)
  until is_over || late 3; do signal KILL; pause; done
  # Whoever still holds out has left the session, or cannot be killed; the wrapper waits for nobody any more.
  if ! is_over && lives "$run"; then
    kill -KILL "$p"
    pause
    [ -f "$run/status" ] || {{ printf '137\\n' >"$run/status.new" && mv "$run/status.new" "$run/status"; }}
  fi
  signal KILL
  is_over
  tell stopped
}}
run={{run}}; keep={{keep}}
stop
"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of a stop: `stopped`, `over` (it had ended before) or `none`; and the run's status."""

    outcome: str
    status: str = ""
    ends: bool = False


def list_script() -> str:
    """The script that lists the runs, the newest first, fields separated by tabs."""
    return CLEAN + STATE + ROW + _LIST


def stop_script(run: str, *, keep: bool) -> str:
    """The script that stops a run; `keep`: its end shall not end the instance any more."""
    return CLEAN + STATE + _STOP.replace("{run}", run).replace("{keep}", str(int(keep)))


def list_runs(found: ConnectionView, now: int) -> list[Run]:
    """The runs on an instance, the newest first; `now` is wall µs."""
    result = ssh_connection.run_script(found, list_script().encode())
    if result.status:
        raise ssh_connection.script_error(found, result, "the runs cannot be listed")
    rows = [read_row(line, now) for line in result.out.splitlines()]
    return [row for row in rows if row is not None]


def stop_run(found: ConnectionView, run: str, *, keep: bool) -> Stopped:
    """Send SIGTERM to all processes of a run, and SIGKILL after STOP_LIMIT_S.

    Raises:
        ShopperError: the instance cannot be reached, or it cannot be stopped.
    """
    result = ssh_connection.run_script(found, stop_script(run, keep=keep).encode())
    words = (result.out.splitlines() or [""])[-1].split(" ")
    if result.status or words[0] not in ("stopped", "over", "none"):
        raise ssh_connection.script_error(found, result, f"the run {run} cannot be stopped")
    if words[0] == "none":
        return Stopped("none")
    return Stopped(words[0], known_status(" ".join(words[1:-1])), words[-1] == "1")
