"""Brings a session's results home over its shared connection: waits for the hook, pulls, and tells the instance (E7).

What tells it are the marks that agent and upkeep look for: `pulled` in the guard's folder, and in the folder of each
run that has ended and ends the session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from gpushopper.core.lifecycle.ends.landing import HOOK_MARGIN_S
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded
from gpushopper.errors import ShopperError
from gpushopper.remote.agent.parts import in_guard_folder
from gpushopper.results.link import Link
from gpushopper.results.pulling import MOST_BYTES, Progress, Pull, Pulled, PullRequest

ANSWER_LIMIT = 4096

# Asked for by its user, the instance is told first: its hook runs once an end is written, and it ends itself if this
# computer does not come back. An end that is there already stays.
_TELL_DONE = """\
read -r y </proc/sys/kernel/random/boot_id
grep -qsF "$y" "$D/end-done" || [ ! -f "$D/upkeep.sh" ] || sh "$D/upkeep.sh" done >/dev/null
:
"""

# Of a login that cannot become root (planting/drop_folder.py).
_DROP_DONE, _DROP_PULLED = 'put done "$up"\n', 'put pulled "$up"\n'

_WAIT_FOR_HOOK = """\
H=
case $1 in *[!A-Za-z0-9_.-]*) ;; *) eval H=~$1 ;; esac
n=0
while [ -f "$D/before-end" ] && [ $n -lt {hook_s:d} ]; do
x=
read -r x <"$D/before-end.mark" || :
[ "$x" = 1 ] && [ -f "$H/.gpu-shopper/runs/before-end/status" ] && break
n=$((n + 1))
sleep 1
done
:
"""

# A status that is older than the script is of one before.
_DROP_WAIT = """\
n=0
while [ -f "$I/before-end" ] && [ $n -lt {hook_s:d} ]; do
[ "$HOME/.gpu-shopper/runs/before-end/status" -nt "$I/before-end" ] && break
n=$((n + 1))
sleep 1
done
:
"""

_MARK = """\
umask 077
read -r x y </proc/uptime
read -r y </proc/sys/kernel/random/boot_id
rm -f "$D/pulled.new"
printf '%s %s\\n' "$y" "${x%%.*}" >"$D/pulled.new" && mv -f "$D/pulled.new" "$D/pulled"
"""

# Its user may have put links there: nothing is written through one.
_MARK_RUNS = """\
for h in /root /home/* $(getent passwd | head -n 1000 | sed -n 's,^\\([^:]*:\\)\\{5\\}\\(/[^:]*\\):.*,\\2,p'); do
for r in "${h%/}"/.gpu-shopper/runs/*; do
[ -d "$r" ] && [ ! -h "$r" ] && [ -f "$r/ends" ] || continue
x=
[ -f "$r/status" ] || [ ! -f "$r/pid" ] || [ -h "$r/pid" ] || read -r x <"$r/pid" || :
case $x in *[!0-9]*) x= ;; esac
[ -z "$x" ] || [ ! -d "/proc/$x" ] || continue
[ -e "$r/pulled" ] || [ -h "$r/pulled" ] || (set -C; : >"$r/pulled")
done
done
:
"""


def land(
    ssh: tuple[str, ...],
    environ: Mapping[str, str],
    order: LandingOrder,
    must_stop: Callable[[], bool],
    report: Callable[[LandingProgress], None],
) -> Landed | NotLanded:
    """Carry out an order; `ssh` is the command line of the login."""
    link = Link(ssh, environ, must_stop)
    try:
        if order.by_user:
            link.run(in_guard_folder(_TELL_DONE, _DROP_DONE).encode(), ANSWER_LIMIT)
        if order.hook_s:
            wait_s = round(order.hook_s) + HOOK_MARGIN_S
            lines = in_guard_folder(_WAIT_FOR_HOOK.format(hook_s=wait_s), _DROP_WAIT.format(hook_s=wait_s))
            link.run(lines.encode(), ANSWER_LIMIT)
        found = _pull_all(link, order, report)
        link.run(in_guard_folder(_MARK + _MARK_RUNS, _DROP_PULLED + _MARK_RUNS).encode(), ANSWER_LIMIT)
    except (ShopperError, OSError) as error:
        return NotLanded(error.message if isinstance(error, ShopperError) else (error.strerror or str(error)))
    names = tuple(done.folder for done in found)
    changed = tuple(name for done in found for name in done.changed)
    left_out = tuple(name for done in found for name in done.left_out)
    return Landed(names, sum(d.files for d in found), sum(d.bytes for d in found), changed, left_out)


def _pull_all(link: Link, order: LandingOrder, report: Callable[[LandingProgress], None]) -> list[Pulled]:
    """Each folder in turn; without checksums nothing is said to be verified.

    Raises:
        ShopperError: one of them is not here.
    """
    found: list[Pulled] = []

    def show(now: Progress) -> None:
        done = sum(pulled.files for pulled in found), sum(pulled.bytes for pulled in found)
        totals = done[0] + now.total_files, done[1] + now.total_bytes
        report(LandingProgress(done[0] + now.files, done[1] + now.bytes, *totals))

    left = MOST_BYTES if order.most_bytes is None else order.most_bytes
    for there, here in order.pulls:
        request = PullRequest(order.session_id, order.name, there, os.path.expanduser(here), left)
        done = Pull(link, request, show).perform()
        left -= done.bytes
        if done.files and not done.checksum:
            raise ShopperError(f"{done.folder} is here, but there is no checksum program there to verify it by")
        found.append(done)
    return found
