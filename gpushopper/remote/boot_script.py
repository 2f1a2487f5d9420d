"""Write the boot script that plants the guard and the session's ssh key (D7, S29)."""

from __future__ import annotations

import base64
import gzip
import re
import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from gpushopper.core.model.guard_recipe import ID_MARK, GuardCall, GuardRecipe
from gpushopper.core.model.shell_environment import SYSTEM_PATH
from gpushopper.errors import Refused

PAYLOAD_LIMIT = 3400
"""Characters of the packed guard, whatever the provider would take (S29)."""

TICK_LIMIT_S, BACKOFF_LIMIT_S = 15, 300
"""The guard looks at the clock, and tries again, at least this often (S29)."""

FOLDER, SCRIPT, OVER_SSH = ".gs-guard", "guard.sh", "over_ssh.sh"
END_MARK = "END"
"""In a guard's first line: those planted before it was so named answer `status` and `renew` by themselves."""

FOLDERS = "eval H=~$(id -un); for D in $H /var/lib /var/tmp /dev/shm /tmp"
"""A loop's head over the places where a guard may lie: its user's home, else what a read-only root leaves.

Where it lies already it stays: a full disk must not make a restart begin anew beside the old state (F89).
"""

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ENDPOINT = re.compile(r"https?://[A-Za-z0-9.:-]+")
PUBLIC_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?= |\s*\Z)")
"""Its comment stays here: nobody on the instance reads it."""


@dataclass(frozen=True, slots=True)
class Term:
    """How long an instance lives, as its guard holds it; seconds, but for `deadline_s`, which is unix time."""

    life_s: int
    max_s: int
    deadline_s: int
    tick_s: int
    backoff_s: int

    def __post_init__(self) -> None:
        if not 0 < self.life_s <= self.max_s:
            raise ValueError(f"a guard needs 0 < life <= maximum, not {self.life_s} and {self.max_s}")
        if not (0 < self.tick_s <= TICK_LIMIT_S and 0 < self.backoff_s <= BACKOFF_LIMIT_S):
            raise ValueError(f"a guard ticks within {TICK_LIMIT_S} s and tries again within {BACKOFF_LIMIT_S} s")

    def line(self) -> str:
        """Spell the term as the guard's first line."""
        return (
            f"LIFE={self.life_s:d} MAX={self.max_s:d} {END_MARK}={self.deadline_s:d}"
            f" TICK={self.tick_s:d} BACK={self.backoff_s:d}"
        )


def agent_script(name: str) -> str:
    """Load a script of agent/: from the wheel, or from the checkout in an editable install (S33)."""
    packed = resources.files("gpushopper.remote") / name
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "agent" / name).read_text(encoding="utf-8")


def guard_script() -> str:
    """Load agent/guard.sh, which is planted."""
    return agent_script(SCRIPT)


def stripped(script: str) -> str:
    """Leave out comments, blank lines and indentation: an instance does not read them, and a provider counts them."""
    lines = (line.lstrip() for line in script.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def planted_script(recipe: GuardRecipe, script: str) -> str:
    """Put a provider's calls and last-resort verbs above the guard."""
    for name in (recipe.id_variable, recipe.key_variable):
        if not WORD.fullmatch(name):
            raise ValueError(f"not the name of a variable: {name!r}")
    if not ENDPOINT.fullmatch(recipe.endpoint):
        raise ValueError(f"not an endpoint: {recipe.endpoint!r}")
    names = f"URL={recipe.endpoint} ID_IN={recipe.id_variable} KEY_IN={recipe.key_variable}\n"
    return f"{names}{calls(recipe)}{script}"


def calls(recipe: GuardRecipe) -> str:
    # No stop at this provider: as if it were refused.
    stop = "code=499" if recipe.stop is None else call(recipe.stop)
    verbs = f"for x in {shlex.join(recipe.last_resort)}; do\nsh -c \"$x\"\ndone"
    bodies = {"see": call(recipe.read), "destroy": call(recipe.destroy), "stop": stop, "last": verbs}
    return "".join(f"{name}() {{\n{body}\n}}\n" for name, body in bodies.items())


def call(guard_call: GuardCall) -> str:
    path = re.sub(r'([\\"$`])', r"\\\1", guard_call.path.replace(ID_MARK, "\0")).replace("\0", "$ID")
    return f'call {shlex.quote(guard_call.method)} "{path}" {shlex.quote(guard_call.body)}'


def pack(script: str) -> str:
    """Compress a script to letters that any provider's start-up text carries unchanged."""
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()


def startup_text(script: str, term: Term, public_key: str, limit: int) -> str:
    """Write the boot script around a guard; refused above `limit` characters."""
    key = PUBLIC_KEY.match(public_key)
    if key is None:
        raise ValueError("a public key begins with its kind and itself")
    payload = pack(script)
    text = BOOT.format(
        path=SYSTEM_PATH, folders=FOLDERS, folder=FOLDER, script=SCRIPT, term=term.line(), payload=payload, key=key[0]
    )
    if len(payload) > PAYLOAD_LIMIT or len(text) > limit:
        raise Refused(
            f"a start-up text of {len(text)} characters, {len(payload)} of them the guard; the provider takes {limit}",
            code="startup_too_long",
        )
    return text


# The container's variables are the user's as well: none may hide our tools or change what they do (D7, F85). Each line
# goes on whatever became of the one before. Decoding stands in for itself where the image lacks a tool. A
# guard that is there already is replaced whole or not at all.
BOOT = """\
#!/bin/sh
umask 077
unset GZIP LD_PRELOAD LD_LIBRARY_PATH
PATH={path}:$PATH
export PATH LC_ALL=C
{folders}; do D=$D/{folder}; [ -s $D/{script} ] || {{ mkdir -p $D && echo >$D/w; }} && break; done
G=$D/{script}
{{ echo {term}; (base64 -d || python3 -m base64 -d) <<E | (gzip -dc || python3 -m gzip -d -); }} >$G- && mv $G- $G
{payload}
E
sh $G boot
touch $H/.no_auto_tmux
S=$H/.ssh
A=$S/authorized_keys
mkdir -p $S
K='{key}'
grep -qxF "$K" $A || echo "
$K" >>$A
chmod go= $S $A
"""
