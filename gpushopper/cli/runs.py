"""Work on an instance that survives a lost connection: where it lies there, how it starts, how it is followed.

Each run has a folder `~/.gpu-shopper/runs/ID` of its user: `command`, `out`, `err`, `pid`, and `status` once it ended.
Everything goes to the instance's shell on stdin: no word of it stands in an argument list on either side.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gpushopper.cli import login
from gpushopper.errors import NotFound, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

FOLDER = '"$HOME/.gpu-shopper/runs"'
ENVIRONMENT = '"$HOME/.gpu-shopper/environment"'
START_TRIES = 3
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUN = re.compile(r"[A-Za-z0-9_-]{1,40}")

# The whole script is a function: a connection lost half-way leaves nothing half done. A run of the same id is started
# once, however often this is said.
_START = """
start() {{
  was=$(umask); umask 077
  d={folder}/{run}
  if ! mkdir -p {folder} || ! mkdir "$d" 2>/dev/null; then
    [ -d "$d" ] && return 0
    echo "cannot write in $HOME" >&2; return 1
  fi
  printf '%s\\n' "$command" >"$d/command"
  : >"$d/out"; : >"$d/err"
  umask "$was"
  [ -r {environment} ] && . {environment}
{exports}
  trap '' HUP
  $(command -v setsid) sh -c '
    echo $$ >"$1/pid"
    "${{SHELL:-sh}}" -c "$2"
    s=$?; echo $s >"$1/status.new"; mv "$1/status.new" "$1/status"
  ' gpu-shopper-run "$d" "$command" </dev/null >"$d/out" 2>"$d/err" &
  n=0
  until [ -s "$d/pid" ] || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1 2>/dev/null || sleep 1; done
}}
command={command}
start
"""

# Frames on stdout: `B mark`, `I id`, `O n` or `E n` and n bytes, `.` for a sign of life, then `S status`, `R` (still
# running), `L` (it ended without a status) or `N` (no such run). A status is looked for before the last bytes are read.
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
lives() {{
  p=$(cat pid 2>/dev/null) || return 1
  if [ -r /proc/self/cmdline ]; then grep -q "$run" "/proc/$p/cmdline" 2>/dev/null; else kill -0 "$p" 2>/dev/null; fi
}}
follow() {{
  cd {folder} 2>/dev/null || {{ echo N; return; }}
  [ -n "$run" ] || run=$(ls -t */command 2>/dev/null | head -n 1)
  run=${{run%/command}}
  [ -n "$run" ] && cd "$run" 2>/dev/null || {{ echo N; return; }}
  echo "I $run"
  n=0
  while :; do
    end=
    if [ -f status ]; then end="S $(cat status)"
    elif ! lives; then [ -f status ] && end="S $(cat status)" || end=L
    elif [ $stay = 0 ]; then end=R
    fi
    send O out $o; o=$at
    send E err $e; e=$at
    [ -n "$end" ] && {{ echo "$end"; return; }}
    n=$((n+1)); [ $((n%25)) = 0 ] && echo .
    sleep 0.2 2>/dev/null || sleep 1
  done
}}
run={run}; o={out}; e={err}; stay={stay}
echo "B {mark}"
follow
"""

_LIST = """
cd {folder} 2>/dev/null || exit 0
for run in $(ls -t */command 2>/dev/null | head -n 50); do
  run=${{run%/command}}
  [ -f "$run/status" ] && s=$(cat "$run/status") || s=running
  printf '%s\\t%s\\t%s\\n' "$run" "$s" "$(head -c 200 "$run/command" | tr '\\n\\t' '  ')"
done
"""


def new_id() -> str:
    """A name for a run."""
    return secrets.token_hex(4)


def check_id(run: str) -> str:
    """The name of a run as it may be written in a script."""
    if not _RUN.fullmatch(run):
        raise NotFound(f"no run is called {run!r}", "see: gpu-shopper logs NAME --list")
    return run


def exports(variables: Mapping[str, str]) -> str:
    """Shell lines that set these variables."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def variables(plain: tuple[str, ...], secret: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `--env K=V` and `--secret-env K`; a secret's value comes from the caller's environment.

    Raises:
        UsageError: a name is none, or the caller has no such variable.
    """
    found = {}
    # Numbers instead of words in the errors: what was mistyped may be the secret itself (F103).
    for number, text in enumerate(plain, 1):
        name, sign, value = text.partition("=")
        if not sign:
            hint = "write: --env NAME=VALUE; or, for a variable of this shell: --secret-env NAME"
            raise UsageError(f"--env number {number} has no value", hint)
        found[_name(name, number)] = value
    for number, name in enumerate(secret, 1):
        if "=" in name:
            text = "--secret-env takes a name only: a value would stand in the list of processes"
            raise UsageError(text, "set the variable here, then write: --secret-env NAME")
        if name not in environ or not _NAME.fullmatch(name):
            text = f"--secret-env number {number} names no variable that is set here"
            raise UsageError(text, "set it: export NAME=...; then write: --secret-env NAME")
        found[name] = environ[name]
    return found


def _name(name: str, number: int) -> str:
    if not _NAME.fullmatch(name):
        text = f"--env number {number}: what stands before = is no name of a variable"
        raise UsageError(text, "a name has letters, digits and _, and does not begin with a digit")
    return name


def start(found: ConnectionView, run: str, line: str, variables: Mapping[str, str]) -> None:
    """Start a shell line on the instance, away from this connection.

    Raises:
        ShopperError: it could not be started, or we cannot know whether it was.
    """
    script = _START.format(
        folder=FOLDER, run=run, environment=ENVIRONMENT, exports=exports(variables), command=shlex.quote(line)
    )
    for _ in range(START_TRIES):
        said = login.ask(found, script)
        if said.status != login.TRANSPORT_FAILED:
            break
    if said.status:
        raise login.failed(found, said, "the command could not be started")


def follow_script(run: str, out: int, err: int, mark: str, *, stay: bool) -> str:
    """The script that tells what a run has said after these offsets, until it ends if we stay; "" is the newest run.

    `mark` stands in its first line: what came before are a shell's greetings.
    """
    return _FOLLOW.format(folder=FOLDER, run=run, out=out, err=err, mark=mark, stay=int(stay))


def list_runs(found: ConnectionView) -> list[dict[str, str]]:
    """The runs on an instance, the newest first."""
    said = login.ask(found, _LIST.format(folder=FOLDER))
    if said.status:
        raise login.failed(found, said, "the runs cannot be listed")
    rows = [line.split("\t", 2) for line in said.out.splitlines()]
    return [dict(zip(("run", "status", "command"), row, strict=True)) for row in rows if len(row) == 3]
