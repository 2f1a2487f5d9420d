"""Write the boot script: what a new instance runs first, to install the guard and our ssh key (D7, S29).

One text for each way that it reaches the instance (`PlantingMethod`). A provider with little room gets the guard
packed, every other in one piece; its functions are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gpushopper.core.cloud import Planting, PlantingMethod
from gpushopper.core.model.guard_recipe import GuardRecipe, OnInstance, ServerTimer
from gpushopper.core.model.shell_environment import SYSTEM_PATH
from gpushopper.core.ssh_options import PUBLIC_KEY
from gpushopper.errors import Refused
from gpushopper.remote import guard_files
from gpushopper.remote.planting import drop_folder, every_boot
from gpushopper.remote.planting.cloud_config import cloud_config
from gpushopper.remote.planting.guard_text import guard_for
from gpushopper.remote.planting.run_environment import run_environment

PAYLOAD_LIMIT = 3400
"""Characters of a guard that has to be packed, whatever the provider's own limit (S29)."""

TICK_LIMIT_S, BACKOFF_LIMIT_S = 15, 300
"""The longest interval at which the guard reads the clock, and the longest pause between two tries to end (S29)."""

CONTAINER = Planting(PlantingMethod.ONSTART)

_USER = re.compile(r"[a-z_][a-z0-9_-]*")
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


def write_boot_script(
    recipe: GuardRecipe | None,
    public_key: str,
    life_s: int,
    deadline_s: int,
    max_s: int,
    tick_s: int = 15,
    backoff_s: int = 300,
    *,
    planting: Planting = CONTAINER,
    max_length: int | None = None,
    environment: Mapping[str, str] | None = None,
    ends_bill: bool = True,
    member_key: str = "",
) -> str:
    """Write the boot script of one attempt: it installs the guard first, then the ssh key, then the user's variables.

    The times are those of `GuardLifetime`. Without a recipe that runs on the instance it installs the key alone.
    `max_length` is how many characters the provider accepts, None for any. `environment` is planted where the create
    cannot carry it. `ends_bill`: what the guard does ends the bill; else it acts at the deadline alone (ends.md E9).
    `member_key`: a public key that is let in beside ours; empty for none.

    Raises:
        Refused: (`startup_too_long`) it is longer than the provider allows.
        ValueError: times that the guard must refuse (S29), a key that is not one line, or a user that is no name.
    """
    lifetime = GuardLifetime(life_s, max_s, deadline_s, tick_s, backoff_s)
    key = _PUBLIC_KEY.match(public_key)
    if key is None:
        raise ValueError("a public key begins with its kind and itself")
    if not _USER.fullmatch(planting.user):
        raise ValueError(f"not the name of a user: {planting.user!r}")
    guards, drop = [_HOME], ""
    if recipe is not None and not isinstance(recipe, ServerTimer):
        guards = _guards(recipe, lifetime, planting, ends_bill=ends_bill)
        drop = drop_folder.plant([planting.user]) if planting.method is PlantingMethod.CLOUD_INIT else ""
    rest = _let_in(planting, key[0]) + _let_member_in(planting, member_key) + _environment(planting, environment or {})
    head = HEAD.format(path=SYSTEM_PATH)
    # Where there is too little room for it, a login that cannot become root has no way to the guard.
    ways = [_planted(head + guard + rest + more, planting) for more in (drop, "") for guard in guards]
    fitting = [text for text in ways if max_length is None or len(text) <= max_length]
    if not fitting:
        text = f"a boot script of {len(ways[-1])} characters; the provider takes {max_length}"
        raise Refused(text, code="startup_too_long")
    return fitting[0]


def _guards(recipe: OnInstance, lifetime: GuardLifetime, planting: Planting, *, ends_bill: bool) -> list[str]:
    """The lines that install and start the guard: in one piece, and packed where that is short enough."""
    script = guard_files.stripped(guard_files.guard_script())
    guard = guard_for(recipe, script, obeys_early_ends=ends_bill)
    payload = guard_files.pack(guard)
    start = START if planting.method in _AT_EVERY_START else every_boot.START
    if planting.method is PlantingMethod.OVER_SSH:
        gap_s = lifetime.max_s - lifetime.life_s
        now = every_boot.COUNT_FROM_NOW.format(deadline_s=lifetime.deadline_s, life_s=lifetime.life_s, gap_s=gap_s)
        start = now + start
    head = FOLDER.format(folders=guard_files.FOLDERS, folder=guard_files.FOLDER, script=guard_files.SCRIPT)
    whole = head + WHOLE.format(lifetime=lifetime.line(), guard=guard) + start
    packed = head + PACKED.format(lifetime=lifetime.line(), payload=payload) + start
    return [whole, packed] if len(payload) <= PAYLOAD_LIMIT else [whole]


def _let_in(planting: Planting, key: str) -> str:
    if planting.method is PlantingMethod.OVER_SSH:
        return ""  # whoever runs it has logged in
    if planting.method is PlantingMethod.CLOUD_INIT:
        return every_boot.let_in(("root", planting.user), key)
    return KEY.format(key=key)


def _let_member_in(planting: Planting, key: str) -> str:
    if not key:
        return ""
    if not PUBLIC_KEY.fullmatch(key):
        raise ValueError("a member's key is not one that is made here")
    if planting.method is PlantingMethod.CLOUD_INIT:
        return every_boot.let_in(("root", planting.user), key)
    return (KEY if planting.method is PlantingMethod.OVER_SSH else ONE_MORE_KEY).format(key=key)


def _environment(planting: Planting, variables: Mapping[str, str]) -> str:
    """The lines for the user's variables, where an instance gets none with its create."""
    is_given = planting.method in _AT_EVERY_START or not variables
    return "" if is_given else run_environment(("root", planting.user), variables)


def _planted(script: str, planting: Planting) -> str:
    """The script in the form that the provider, or we over ssh, pass on."""
    match planting.method:
        case PlantingMethod.CLOUD_INIT:
            return cloud_config(script)
        case PlantingMethod.COMMAND:
            return script + STAY
        case _:
            return script


_AT_EVERY_START = (PlantingMethod.ONSTART, PlantingMethod.COMMAND)
_HOME = "eval H=~$(id -un)\n"

# The container's variables are the user's as well: none may hide our tools or change what they do (D7, F85). Each line
# runs whether or not the one before failed.
HEAD = """\
#!/bin/sh
umask 077
unset GZIP LD_PRELOAD LD_LIBRARY_PATH
PATH={path}:$PATH
export PATH LC_ALL=C
"""
FOLDER = """\
{folders}; do D=$D/{folder}; G=$D/{script}; [ -s $G ]||{{ mkdir -p $D&&echo >$D/w;}}&&break;done
"""

# A guard that is there already is replaced as a whole or not at all.
WHOLE = """\
{{ echo {lifetime}; cat <<'END-GUARD'; }} >$G- && mv $G- $G
{guard}END-GUARD
"""
# python3 decodes where the image lacks base64 or gzip.
PACKED = """\
{{ echo {lifetime}; (base64 -d||python3 -m base64 -d)<<E|(gzip -dc||python3 -m gzip -d -);}} >$G-&&mv $G- $G
{payload}
E
"""
START = """\
sh $G boot
"""
KEY = """\
touch $H/.no_auto_tmux
S=$H/.ssh
A=$S/authorized_keys
mkdir -p $S
K='{key}'
grep -qxF "$K" $A || echo "
$K" >>$A
chmod go= $S $A
"""
# After those lines.
ONE_MORE_KEY = """\
K='{key}'
grep -qxF "$K" $A || echo "
$K" >>$A
"""

# A container whose command is ours has no ssh server of its provider's, and ends with its command.
STAY = """\
for x in 'apt-get update' 'apt-get install -y openssh-server' 'apk add openssh' 'yum install -y openssh-server'; do
command -v sshd || timeout -s KILL 300 $x
done
mkdir -p /run/sshd
ssh-keygen -A
$(command -v sshd)
while :; do sleep 86400; done
"""
