"""How a session is printed: its row in `ls`, its details in `get`, and who enforces its deadline (GUARDS)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from gpushopper.cli.output import end_limits_view, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.endings.end_reasons import ignored, reason_text
from gpushopper.cli.output.text_format import age, clock_time, money, per_hour, plural, rate, when
from gpushopper.cli.terminal_text import clean
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import AttemptView, SessionView

_GUARDS = {"D": "daemon", "I": "instance", "P": "cloud"}
SIMULATED = "none (simulated)"
"""Shown as ssh and as guard of a simulated instance, which has neither (S1)."""


def columns(now: int) -> list[tables.Column]:
    """The columns of `ls`; the money columns are price, cost so far, and max cost."""
    return [
        tables.Column("NAME", lambda s: s.name),
        tables.Column("STATUS", status, whole=True, short=_short_status),
        tables.Column("GPU", gpu, whole=True, spare=2),
        tables.Column("CLOUD", lambda s: s.provider, whole=True, spare=1),
        tables.Column("$/HR", lambda s: rate(s.rate or None), right=True),
        tables.Column("SPENT", lambda s: money(s.accrued), right=True),
        tables.Column("AT MOST", lambda s: money(s.max_cost), right=True),
        tables.Column("ENDS", lambda s: ends(s, now), whole=True, short=lambda s: ends(s, now).partition(" (")[0]),
        tables.Column("GUARDS", guards, whole=True, short=first_guard, spare=3),
        tables.Column("CONSUMER", lambda s: s.consumer, whole=True, wide=True),
        tables.Column("SSH", ssh, whole=True, wide=True),
        tables.Column("AGE", lambda s: age(s.created_at, now), whole=True, wide=True),
        tables.Column("ID", lambda s: s.id, whole=True, wide=True),
    ]


def status(session: SessionView) -> str:
    """The status, with health or stage of the end. A status unknown to this version is shown as running (F99)."""
    known = {"pending", "provisioning", "running", "stopping", "stopped", "failed"}
    if session.status not in known:
        return f"{session.status} (unknown: treat as running)"
    if session.status == "stopped":
        return outcome(session)
    if session.status == "stopping":
        return {"off": "stopping (off)", "requested": "stopping (requested)"}.get(session.end_stage, "stopping")
    if session.waits_for_account:
        return f"{session.status} (waits for an account)"
    if session.status == "running" and session.health == "self_ended":
        return "running (ended by itself?)"
    if session.status == "running" and session.health not in ("", "ok"):
        return f"running ({session.health})"
    return session.status


def _short_status(session: SessionView) -> str:
    """`unreachable`, for `running (unreachable)`: where only that much has room, it is what matters."""
    text = status(session)
    return text.removeprefix("running (").removesuffix(")") if text.startswith("running (") else text


def who_enforces_deadline(session: SessionView, until: str, now: int) -> str:
    """What enforces the deadline while no daemon does; `until` says when one will again."""
    if "I" in session.guards.split("+"):
        return f"the instance ends itself{guard_deadline_text(session, now)}"
    if "P" in session.guards.split("+"):
        return f"{session.provider} ends it by its own timer"
    from gpushopper.clouds import console_of  # only where a session may bill on: a list does without

    by_hand = f"by hand: {console_of(session.cloud or session.provider)}"
    if session.guard_deadline_at is not None and session.bills_on:
        own = when(session.guard_deadline_at, now)
        return f"its guard powers it off at {own}, and it bills on: nothing ends it until {until}; {by_hand}"
    if session.guard_deadline_at is None:
        return f"nothing ends it until {until}; {by_hand}"
    # An unconfirmed guard may still act.
    own = when(session.guard_deadline_at, now)
    return f"its guard (unconfirmed) may end it at {own}, otherwise nothing does until {until}; {by_hand}"


def guard_deadline_text(session: SessionView, now: int) -> str:
    """` at 18:00`, the guard's own deadline, if it has not confirmed the present one; else empty."""
    return "" if is_guard_in_sync(session) else f" at {when(session.guard_deadline_at, now)}"


def is_guard_in_sync(session: SessionView) -> bool:
    """Whether the guard has confirmed the present deadline, or there is no guard with another one."""
    return session.guard_in_sync or session.guard_deadline_at is None


def gpu(session: Any) -> str:
    """`2x RTX 4090`."""
    if not session.gpu:
        return "-"
    return f"{session.gpu_count}x {session.gpu}"


def ends(session: SessionView, now: int) -> str:
    """When it ends, or when it ended."""
    if session.ended_at is not None:
        return f"ended {clock_time(session.ended_at, now)}"
    return when(session.deadline_at, now)


def status_words() -> list[str]:
    """Every status in the words of the list: an ended session is destroyed, for a stopped instance bills on Vast."""
    from gpushopper.core.model.session import Status  # a list does without

    return ["destroyed" if each is Status.STOPPED else str(each) for each in Status]


def outcome(session: SessionView) -> str:
    """`destroyed` (on Vast a stopped instance bills); that nothing was rented, where there never was an instance.

    What its user has forgotten is not proven to be destroyed.
    """
    if session.end_stage == "forgotten":
        return "forgotten, not proven"
    return "destroyed" if any(attempt.instance_id for attempt in session.attempts) else "ended, nothing was rented"


def guards(session: SessionView) -> str:
    """What enforces the deadline, `daemon+instance`; `cloud` is the cloud's own timer. None after the end."""
    if session.ended_at is not None:
        return "-"
    named = "+".join(_GUARDS.get(letter, letter) for letter in session.guards.split("+"))
    return f"{named} (simulated)" if session.guard_state == "not_applicable" else named


def first_guard(session: SessionView) -> str:
    """The same without the daemon where something else ends it too: that there is a daemon goes without saying."""
    named = guards(session).removesuffix(" (simulated)")
    return named.removeprefix("daemon+")


def _extendable(session: SessionView, now: int) -> str:
    """`9h more possible (until Sat 06:35)`; empty where it ends at the latest already."""
    if session.hard_max_at is None or session.deadline_at is None or session.ended_at is not None:
        return ""
    more = session.hard_max_at - session.deadline_at
    return f"{span(more)} more possible (until {clock_time(session.hard_max_at, now)})" if more >= MINUTE else ""


def _out_of_sync_text(session: SessionView, now: int) -> str:
    other = guard_deadline_text(session, now) if session.status == "running" else ""
    return other and f" (the instance itself would end{other}: it has not confirmed the new deadline yet)"


def ssh(session: SessionView) -> str:
    """How to log in; `-` while nobody can, and after the end."""
    if session.ended_at is not None:
        return "-"
    if session.guard_state == "not_applicable":
        return SIMULATED
    return f"gpu-shopper ssh {session.name}" if session.ssh_host else "-"


def disk(session: SessionView) -> str:
    """The disk that its cloud made, and what was asked for where that is another size."""
    made = next((attempt.disk_gb for attempt in reversed(session.attempts) if attempt.disk_gb), session.disk_gb)
    asked = "" if made == session.disk_gb else f" (asked: {session.disk_gb:g} GB)"
    return f"{made:g} GB{asked}"


def print_details(app: App, session: SessionView, cause: str = "") -> None:
    """Print all details of one session; `cause` is the event text that explains the reason.

    Once it has ended there is no login, nothing left to guard and no later deadline, so that none is shown.
    """
    now = app.now().wall
    is_over = session.ended_at is not None
    tables.facts(
        [
            ("name", session.name),
            ("status", status(session)),
            ("why", f"{session.reason}: {cause}" if cause else reason_text(session.reason)),
            ("money", money_line(session)),
            ("bill", bill_text(session)),
            ("price", per_hour(session.rate)),
            ("ended" if is_over else "ends", ends(session, now).removeprefix("ended ")),
            ("extendable", _extendable(session, now)),
            ("GPU", f"{gpu(session)} on {session.provider}"),
            ("image", session.image),
            ("image login", session.image_login),
            ("disk", disk(session)),
            ("ssh", "" if is_over else app.with_sandbox_flag(ssh(session))),
            ("guards", "" if is_over else guards(session) + _out_of_sync_text(session, now)),
            ("bills on", bills_on(session)),
            ("early ends", end_limits_view.limits(session)),
            ("watched", end_limits_view.watched(session)),
            ("ending", end_limits_view.ending(session, now)),
            ("ignored", ignored(session.ignored_ends) if session.status == "running" else ""),
            ("brings home", landing_view.pulls(session)),
            ("landing", landing_view.landing(session, now)),
            ("waiting for", waiting(session, now)),
            ("consumer", session.consumer),
            ("tags", ", ".join(f"{key}={value}" for key, value in session.tags.items())),
            ("created", when(session.created_at, now)),
            ("id", session.id),
        ]
    )
    if session.attempts:
        tables.out(f"\n{plural(len(session.attempts), 'attempt')}:")
        tables.sentences(f"  {_attempt(attempt, now)}" for attempt in session.attempts)


def money_line(session: SessionView) -> str:
    """`$0.43 so far, at most $1.72`, or the final cost."""
    if session.ended_at is not None:
        return f"{money(session.accrued)} in all"
    return f"{money(session.accrued)} so far, at most {money(session.max_cost)}"


def bill_text(session: SessionView) -> str:
    """How far clouds' bills have changed the money above, of each cloud; empty where they have not."""
    from gpushopper.cli.output.receipt_view import billed_text
    from gpushopper.clouds import title_of

    by_cloud: dict[str, Counter[str]] = {}
    for attempt in session.attempts:
        by_cloud.setdefault(attempt.cloud, Counter()).update(cast("Mapping[str, int]", attempt.by_bill))
    return "; ".join(filter(None, (billed_text(title_of(cloud), parts) for cloud, parts in by_cloud.items())))


def bills_on(session: SessionView) -> str:
    """What its guard cannot do, where an instance that is off bills all; empty elsewhere, and after its end."""
    if not session.bills_on or session.ended_at is not None:
        return ""
    without_us = "if this computer never comes back, it bills until the balance is used up"
    return f"powering it off does not end its bill; {without_us}"


def least_billed(session: SessionView) -> str:
    """`at least 1h is billed: $0.40`, at a cloud where an earlier end saves nothing; else empty."""
    if not session.least_billed_us:
        return ""
    return f"at least {span(session.least_billed_us)} is billed: {money(session.least_cost)}"


def login_banner(session: SessionView, now: int) -> str:
    """What to know at a login: `train ends 18:00 (in 1h 58m); $0.43 so far, at most $1.72`, and how to end it there."""
    unsure = _out_of_sync_text(session, now)
    done = f"\nWhen the work there is done, type: {session.done_command}" if session.done_command else ""
    return f"{session.name} ends {when(session.deadline_at, now)}{unsure}; {money_line(session)}{done}"


def waiting(session: SessionView, now: int) -> str:
    """What the session waits for, and until when."""
    if not session.waiting_for:
        return ""
    # A time of day, not a countdown: plain progress prints each new text as a line.
    until = f", until {clock_time(session.waiting_until, now)} at the latest" if session.waiting_until else ""
    return f"{session.waiting_for}{until}"


def _attempt(attempt: AttemptView, now: int) -> str:
    sent = f", sent {clock_time(attempt.sent_at, now)}" if attempt.sent_at else ""
    instance = f", instance {attempt.instance_id}" if attempt.instance_id else ""
    closed = "" if attempt.state != "closed" else f", closed ({(attempt.receipt or {}).get('kind', 'no receipt')})"
    why = f" ({attempt.reason})" if attempt.reason else ""
    state = "" if attempt.state == "closed" else f", {attempt.state}"
    return clean(f"{attempt.offer}{instance}{sent}{state}{closed}, {money(attempt.accrued)}{why}")


def print_session(app: App, session: SessionView) -> None:
    """One session as the list shows it, or as one JSON object."""
    if app.output == "json":
        (shown,) = tables.picked(app, [session])
        tables.document(app, session=shown)
    else:
        tables.rows(app, "sessions", [session], columns(app.now().wall))
