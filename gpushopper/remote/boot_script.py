"""Write the boot script: what a create makes the instance run first, to install the guard and our ssh key (D7, S29)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from gpushopper.core.model.guard_recipe import ID_MARK, GuardCall, GuardRecipe
from gpushopper.core.model.shell_environment import SYSTEM_PATH
from gpushopper.errors import Refused
from gpushopper.remote import guard_files

PAYLOAD_LIMIT = 3400
"""Characters of the packed guard, whatever the provider's own limit (S29)."""

TICK_LIMIT_S, BACKOFF_LIMIT_S = 15, 300
"""The longest interval at which the guard reads the clock, and the longest pause between two tries to end (S29)."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.:-]+")
_PUBLIC_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?= |\s*\Z)")
"""Without its comment, which has no use on the instance."""


@dataclass(frozen=True, slots=True)
class GuardLifetime:
    """How long an instance may live, as the boot script tells its guard.

    `life_s` and `max_s` are the seconds from now to the deadline and to the hard maximum; `deadline_s` is the deadline
    in unix time; `tick_s` is the interval between two readings of the clock, `backoff_s` the longest pause between two
    tries to end the instance.

    Raises:
        ValueError: times that the guard would have to refuse (S29).
    """

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
        """The first line of the guard's script."""
        return (
            f"LIFE={self.life_s:d} MAX={self.max_s:d} {guard_files.END_MARK}={self.deadline_s:d}"
            f" TICK={self.tick_s:d} BACK={self.backoff_s:d}"
        )


def guard_for(recipe: GuardRecipe, script: str) -> str:
    """Put the provider's calls and the last-resort commands above the guard's script.

    Raises:
        ValueError: a name or endpoint of the recipe that a shell would not read as one word.
    """
    for name in (recipe.id_variable, recipe.key_variable):
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"not the name of a variable: {name!r}")
    if not _ENDPOINT.fullmatch(recipe.endpoint):
        raise ValueError(f"not an endpoint: {recipe.endpoint!r}")
    names = f"URL={recipe.endpoint} ID_IN={recipe.id_variable} KEY_IN={recipe.key_variable}\n"
    return f"{names}{_functions(recipe)}{script}"


def _functions(recipe: GuardRecipe) -> str:
    # Where the provider has no stop, it counts as refused.
    stop = "code=499" if recipe.stop is None else _call(recipe.stop)
    commands = f'for x in {shlex.join(recipe.last_resort)}; do\nsh -c "$x"\ndone'
    bodies = {"see": _call(recipe.read), "destroy": _call(recipe.destroy), "stop": stop, "last": commands}
    return "".join(f"{name}() {{\n{body}\n}}\n" for name, body in bodies.items())


def _call(guard_call: GuardCall) -> str:
    path = re.sub(r'([\\"$`])', r"\\\1", guard_call.path.replace(ID_MARK, "\0")).replace("\0", "$ID")
    return f'call {shlex.quote(guard_call.method)} "{path}" {shlex.quote(guard_call.body)}'


def write_boot_script(
    recipe: GuardRecipe,
    public_key: str,
    life_s: int,
    deadline_s: int,
    max_s: int,
    tick_s: int = 15,
    backoff_s: int = 300,
) -> str:
    """Write the boot script of one attempt: it installs the guard first, then the ssh key.

    The times are those of `GuardLifetime`.

    Raises:
        Refused: (`startup_too_long`) it is longer than the provider allows.
        ValueError: times that the guard must refuse (S29), or a key that is not one line.
    """
    lifetime = GuardLifetime(life_s, max_s, deadline_s, tick_s, backoff_s)
    guard = guard_for(recipe, guard_files.stripped(guard_files.guard_script()))
    key = _PUBLIC_KEY.match(public_key)
    if key is None:
        raise ValueError("a public key begins with its kind and itself")
    payload = guard_files.pack(guard)
    text = BOOT.format(
        path=SYSTEM_PATH, folders=guard_files.FOLDERS, folder=guard_files.FOLDER, script=guard_files.SCRIPT,
        lifetime=lifetime.line(), payload=payload, key=key[0],
    )  # fmt: skip
    if len(payload) > PAYLOAD_LIMIT or len(text) > recipe.max_startup_length:
        raise Refused(
            f"a boot script of {len(text)} characters, {len(payload)} of them the guard;"
            f" the provider takes {recipe.max_startup_length}",
            code="startup_too_long",
        )
    return text


# The container's variables are the user's as well: none may hide our tools or change what they do (D7, F85). Each line
# runs whether or not the one before failed. python3 decodes where the image lacks base64 or gzip. A guard that is there
# already is replaced as a whole or not at all.
BOOT = """\
#!/bin/sh
umask 077
unset GZIP LD_PRELOAD LD_LIBRARY_PATH
PATH={path}:$PATH
export PATH LC_ALL=C
{folders}; do D=$D/{folder}; [ -s $D/{script} ] || {{ mkdir -p $D && echo >$D/w; }} && break; done
G=$D/{script}
{{ echo {lifetime}; (base64 -d || python3 -m base64 -d) <<E | (gzip -dc || python3 -m gzip -d -); }} >$G- && mv $G- $G
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
