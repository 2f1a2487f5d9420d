"""The shell scripts behind `run` and `logs`, for any POSIX shell (dash, busybox ash, bash).

Each run has a folder `~/.gpu-shopper/runs/ID` of its user: `command`, `out`, `err`, `pid` once it began, and `status`
once it ended. `status.new` is written before the start, so that a status needs no room on a disk that is full by then.
`ends` is there where the end of the run shall end the instance; agent/upkeep.sh reads it (ends.md E6).
"""

from __future__ import annotations

import shlex

from gpushopper.core.model.run_folder import FOLDER, STATE
from gpushopper.core.model.shell_environment import CLEAN, SYSTEM_PATH

FAILED_AT_ONCE = "ended at once:"
"""The start script's line for a command that could not be run begins so; its exit status follows."""
NOT_STARTED = 1
"""The start script's exit status where the run surely was not started, and is not there."""

_SAVED_VARIABLES = "PATH LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT"
"""Variables that would break the wrapper of a run. It saves them as GS_KEPT_..., and restores them for the command."""

# The status overwrites blanks written before, and the file is then renamed: neither needs a new block on a full disk.
# Our own variables begin with GS_ wherever the command could see them.
_WRAPPER = f"""
echo $$ >"$1/pid" || exit
(
  for GS_V in {_SAVED_VARIABLES}; do
    unset $GS_V
    eval "if [ \\"\\${{GS_KEPT_$GS_V+x}}\\" ]; then export $GS_V=\\"\\$GS_KEPT_$GS_V\\"; fi; unset GS_KEPT_$GS_V"
  done
  exec "$3" -c "$2"
)
s=$?
printf '%-7s\\n' $s 1<>"$1/status.new"
mv "$1/status.new" "$1/status"
"""

# The whole script is a function, so that a connection lost half-way executes nothing. Repeating the script starts a run
# only once: the one that creates its folder starts it. Our own steps are in subshells without the user's variables; the
# command gets them all, with those that `provision` has installed and those of this run.
_START = """
prepare() (
{clean}
  umask 077
  d={folder}/{run}
  mkdir -p {folder} || exit 1
  mkdir "$d" 2>/dev/null || {{
    [ -d "$d" ] || {{ mkdir "$d"; exit 1; }}
    printf '%s\\n' "$d"
    exit 3
  }}
  if printf '%s\\n' "$1" >"$d/command" && printf '%-7s\\n' '' >"$d/status.new" && : >"$d/out" && : >"$d/err"{ends}
  then printf '%s\\n' "$d"
  else rm -rf "$d"; echo "cannot write in $HOME: is its disk full?" >&2; exit 1
  fi
)
begin() {{
  if [ -r "${{1%/runs/*}}/environment" ]; then . "${{1%/runs/*}}/environment"; fi
{exports}
  for GS_V in {aside}; do
    eval "if [ \\"\\${{$GS_V+x}}\\" ]; then export GS_KEPT_$GS_V=\\"\\$$GS_V\\"; fi; unset $GS_V"
  done
  PATH={path}:${{GS_KEPT_PATH-}}
  export PATH
  set -- "$1" "$2" "${{SHELL-}}"
  [ -x "$3" ] || set -- "$1" "$2" /bin/sh
  GS_V=$(command -v setsid)
  trap '' HUP
  exec ${{GS_V:+"$GS_V"}} /bin/sh -c {wrapper} gpu-shopper-run "$@"
}}
await() (
{clean}
  n=0
  until [ -s "$1/pid" ] || [ -f "$1/status" ]; do
    n=$((n+1))
    [ $n -lt $2 ] && {{ [ -z "$3" ] || kill -0 "$3" 2>/dev/null; }} || exit 1
    sleep 0.1 2>/dev/null || sleep 1
  done
  n=0
  until [ -f "$1/status" ] || [ $n -ge {checks} ]; do
    n=$((n+1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  [ {checks} = 0 ] || [ ! -f "$1/status" ] || {{
    read -r s <"$1/status"
    case $s in 126|127) tail -n 1 "$1/err" >&2; echo "{failed_at_once} $s" ;; esac
  }}
  exit 0
)
discard() (
{clean}
  tail -n 1 "$1/err" >&2
  rm -rf "$1"
)
start() {{
  set +efuvx
  GS_RUN=$(prepare "$1")
  case $? in
    0) ;;
    3) await "$GS_RUN" 50 '' || {{ echo 'it did not start' >&2; return 4; }}; return 0 ;;
    *) return 1 ;;
  esac
  (begin "$GS_RUN" "$1") </dev/null >"$GS_RUN/out" 2>"$GS_RUN/err" &
  await "$GS_RUN" 300 $! || {{ echo 'it did not start' >&2; discard "$GS_RUN"; return 1; }}
}}
start {command}
"""

# Frames on stdout: `B marker`, `I id`, `P o e` (where in the outputs those begin that follow), `O n` or `E n` and n
# bytes, `.` as a keepalive, then `S status`, `R` (still running), `L` (it ended without a status), `F` (it was never
# started) or `N` (no such run). The status is read before the last bytes of output. A run may just be starting: `F` is
# sent after 5 s only.
_FOLLOW = """
send() {{
  s=$(wc -c <"$2"); s=$((s))
  while [ "$3" -lt "$s" ]; do
    n=$((s-$3)); [ $n -gt 262144 ] && n=262144
    printf '%s %s\\n' "$1" $n
    tail -c +$(($3+1)) "$2" | head -c $n
    set -- "$1" "$2" $(($3+n))
  done
  at=$3
}}
follow() {{
  cd {folder} 2>/dev/null || {{ echo N; return; }}
  [ -n "$run" ] || run=$(ls -t */command 2>/dev/null | head -n 1)
  run=${{run%/command}}
  [ -n "$run" ] && [ -d "$run" ] || {{ echo N; return; }}
  echo "I $run"
  if [ $last -gt 0 ]; then
    o=$(tail -n $last "$run/out" | wc -c); o=$(($(wc -c <"$run/out")-o)); [ $o -ge 0 ] || o=0
    e=$(tail -n $last "$run/err" | wc -c); e=$(($(wc -c <"$run/err")-e)); [ $e -ge 0 ] || e=0
    echo "P $o $e"
  fi
  looks=0
  while :; do
    end= open=
    state "$run"
    case $s in
      running) [ $stay = 1 ] || end=R ;;
      lost) end=L ;;
      'not started') [ $looks -lt 25 ] || end=F ;;
      *) end="S $s" ;;
    esac
    send O "$run/out" $o; o=$at
    send E "$run/err" $e; e=$at
    [ -n "$end" ] && {{ echo "$end"; return; }}
    looks=$((looks+1)); [ $((looks%25)) = 0 ] && echo .
    sleep 0.2 2>/dev/null || sleep 1
  done
}}
run={run}; o={out}; e={err}; stay={until_end}; last={last_lines}
echo "B {marker}"
follow
"""


def start_script(run: str, line: str, exports: str, *, checks: int, ends: str = "") -> str:
    """The script that starts a shell line as a run. It contains CLEAN, since the line needs the user's variables.

    `ends`: the line of its file `ends`, which is written in the same step: without it the run is not started.

    If the run cannot be started, the script prints the reason on stderr, exits with NOT_STARTED, and leaves no run
    behind; with another status than 0 it is not known. After a start it watches for `checks` tenths of a second whether
    the command was found, and prints FAILED_AT_ONCE if not.
    """
    with_ends = f" &&\n    printf '%s\\n' {shlex.quote(ends)} >\"$d/ends\"" if ends else ""
    return _START.format(
        ends=with_ends, clean=CLEAN, folder=FOLDER, run=run, exports=exports, command=shlex.quote(line),
        aside=_SAVED_VARIABLES, path=SYSTEM_PATH, wrapper=shlex.quote(_WRAPPER), checks=checks,
        failed_at_once=FAILED_AT_ONCE,
    )  # fmt: skip


def follow_script(run: str, out: int, err: int, marker: str, *, until_end: bool, last_lines: int = 0) -> str:
    """The script that sends a run's output after these offsets as frames; for the newest run if `run` is empty.

    With `last_lines` it begins so many lines before the present end of each output instead.

    Its first line contains `marker`: everything before it is output of login scripts.
    """
    values = {"run": run, "out": out, "err": err, "marker": marker, "until_end": int(until_end)}
    values["last_lines"] = last_lines
    return CLEAN + STATE + _FOLLOW.format(folder=FOLDER, **values)
