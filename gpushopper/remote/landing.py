"""Brings a session's results home over its shared connection: waits for the hook, pulls, tells the instance (E7)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

from gpushopper.core.lifecycle.ends.landing import HOOK_MARGIN_S
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded
from gpushopper.errors import ShopperError
from gpushopper.remote.agent import landing_marks
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
_DROP_DONE = 'put done "$up"\n'

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
        if not order.is_told_begin:
            _prepare(link, order)
        landed = _summary(pull_all(link, order, report))
    except (ShopperError, OSError) as error:
        return NotLanded(_why(error))
    try:
        link.run(landing_marks.pulled_lines().encode(), ANSWER_LIMIT)
    except (ShopperError, OSError) as error:
        return replace(landed, untold=_why(error))
    return landed


def _prepare(link: Link, order: LandingOrder) -> None:
    """Have its hook run, and say that all that has ended by now is pulled next.

    Raises:
        ShopperError: the connection broke.
    """
    if order.by_user:
        link.run(in_guard_folder(_TELL_DONE, _DROP_DONE).encode(), ANSWER_LIMIT)
    if order.hook_s:
        wait_s = round(order.hook_s) + HOOK_MARGIN_S
        lines = in_guard_folder(_WAIT_FOR_HOOK.format(hook_s=wait_s), _DROP_WAIT.format(hook_s=wait_s))
        link.run(lines.encode(), ANSWER_LIMIT)
    link.run(landing_marks.begin_lines().encode(), ANSWER_LIMIT)


def _why(error: ShopperError | OSError) -> str:
    return error.message if isinstance(error, ShopperError) else (error.strerror or str(error))


def _summary(found: list[Pulled]) -> Landed:
    names = tuple(done.folder for done in found)
    changed = tuple(name for done in found for name in done.changed)
    left_out = tuple(name for done in found for name in done.left_out)
    return Landed(names, sum(d.files for d in found), sum(d.bytes for d in found), changed, left_out)


def pull_all(link: Link, order: LandingOrder, report: Callable[[LandingProgress], None]) -> list[Pulled]:
    """Each folder in turn, and only then their final names: a try after a lost connection copies nothing twice.

    Without checksums nothing is said to be verified.

    Raises:
        ShopperError: one of them is not here.
    """
    found: list[tuple[Pull, Pulled]] = []

    def show(now: Progress) -> None:
        done = sum(pulled.files for _, pulled in found), sum(pulled.bytes for _, pulled in found)
        totals = done[0] + now.total_files, done[1] + now.total_bytes
        report(LandingProgress(done[0] + now.files, done[1] + now.bytes, *totals))

    left = MOST_BYTES if order.most_bytes is None else order.most_bytes
    with ExitStack() as stack:
        for there, here in dict.fromkeys(order.pulls):
            request = PullRequest(order.session_id, order.name, there, os.path.expanduser(here), left)
            pull = stack.enter_context(Pull(link, request, show))
            done = pull.fetch()
            left -= done.bytes
            if done.files and not done.checksum:
                raise ShopperError(f"{there} is here, but there is no checksum program there to verify it by")
            found.append((pull, done))
        return [pull.finish(done) for pull, done in found]
