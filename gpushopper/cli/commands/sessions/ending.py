"""What `done`, `delete` and `shutdown` share: request the end, wait for `off` or `proven`, print the stage reached."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions import output_keeping
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import DRY_RUN, YES
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import session_phases, session_views, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.progress_display import ProgressDisplay, progress_for
from gpushopper.cli.output.text_format import money, plural, when
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import Misconfigured, NotFound, NotVerified

if TYPE_CHECKING:
    from gpushopper.wire import ProviderStatus, SessionView

KEYRING_LIMIT_S = 30.0
STAGES = {"": 0, "requested": 1, "off": 2, "proven": 3, "forgotten": 3}

WAIT = (
    click.option(
        "--wait",
        "until_stage",
        type=click.Choice(["off", "proven"]),
        default="off",
        show_default=True,
        help="Wait until no longer listed, or until a receipt proves it.",
    ),
    click.option("--no-wait", is_flag=True, help="Return once the end is accepted."),
    click.option("--timeout", type=SPAN, default="3m", show_default=True, help="How long to wait."),
    DRY_RUN,
    YES,
)


def end_sessions(
    app: App,
    found: list[SessionView],
    *,
    force: bool,
    everything: bool,
    yes: bool,
    dry_run: bool,
    lands: bool = False,
) -> None:
    """List what will be destroyed, ask for confirmation, and request the end from the daemon.

    With `lands` what the sessions should bring home is pulled first; else it is said what is not.
    """
    ending = [session for session in found if session.end_stage == ""]  # the end of the others is requested already
    for session in ending:
        what = f"{session_views.gpu(session)} on {session.provider}, {session_views.money_line(session)}"
        if least := session_views.least_billed(session):
            what += f"; {least}"
        if text := landing_view.before_done(session) if lands else landing_view.lost(session):
            what += f"; {text}"
        if not app.as_json:
            app.note(f"{'Would' if dry_run else 'Will'} destroy {session.name}: {what}")
    if dry_run:
        print_ended(app, found)
        return
    if not ending:
        _fail_without_key(app, found)
        return
    pulls = lands and any(session.pulls for session in ending)
    what = "What is not pulled is lost." if pulls else "What is on the disk is lost."
    confirm(app, f"Destroy {plural(len(ending), 'instance')}? {what}", yes, "Nothing was destroyed.")
    if not force:
        output_keeping.keep_outputs(app, ending)
    if everything and not force:
        app.client.shutdown("user")
    for session in ending if not everything or force else []:
        _end_one(app, session, force, lands)
    what = "pulls the results first, then ends it" if pulls else "continues"
    app.interrupt_hint = f"the end was requested; the daemon {what}. See: gpu-shopper ls"
    _fail_without_key(app, found)


def _fail_without_key(app: App, found: list[SessionView]) -> None:
    """Without a key no destroy can be sent: print each deadline and who enforces it, and exit 4 (F105, D16)."""
    waiting = {session.provider for session in found if session.end_stage in ("", "requested")}
    lacking = _accounts_without_key(app, waiting) if waiting else {}
    stuck = [session for session in found if session.provider in lacking and session.end_stage in ("", "requested")]
    if not stuck:
        return
    now = app.now().wall
    for session in stuck:
        until = f"its deadline is {when(session.deadline_at, now)}" if session.deadline_at else "it has no deadline"
        enforced = session_views.who_enforces_deadline(session, "the daemon has a key", now)
        app.note(f"{session.name}: its end is recorded; {until}; {enforced}")
    account = lacking[stuck[0].provider]
    code = "no_key" if account.key_state == "missing" else f"key_{account.key_state}"
    hint = f"{account.key_hint}; it is destroyed as soon as a key is there, or end it by hand at {account.console}"
    raise Misconfigured(account.detail, hint, code=code)


def _accounts_without_key(app: App, providers: set[str]) -> dict[str, ProviderStatus]:
    """The accounts without a key; waits while a keyring is being read (KEYRING_LIMIT_S at most)."""

    def is_settled() -> bool:
        rows = app.client.providers().providers
        lacking.clear()
        lacking.update({row.name: row for row in rows if row.state == "keyless" and row.name in providers})
        return all(row.key_state != "asking" for row in lacking.values())

    lacking: dict[str, ProviderStatus] = {}
    with suppress(WaitTimeout):
        poll(is_settled, KEYRING_LIMIT_S)
    return lacking


def _end_one(app: App, session: SessionView, force: bool, lands: bool) -> None:
    try:
        if force:
            app.client.delete(session.id)
        else:
            app.client.done(session.id, "user", lands=lands)
    except NotFound:
        app.note(f"{session.name}: not known to the daemon any more")
        raise


def await_end(app: App, found: list[SessionView], stage: str, limit_us: int) -> None:
    """Wait for the stage, print the sessions, and exit 8 when it was not reached.

    The limit does not count the time in which results come home: that may be hours, until the hold or the deadline.
    """
    latest, watch = {session.id: session for session in found}, landing_view.LandingWatch()
    try:
        with progress_for(app) as progress:
            if stage == "accepted":
                _refresh(app, latest, 1, progress)
            else:
                limit_s = limit_us / SECOND
                poll(
                    lambda: _refresh(app, latest, STAGES[stage], progress),
                    limit_s,
                    goes_on=lambda: watch.goes_on(latest.values()),
                )
    except WaitTimeout as timeout:
        print_ended(app, list(latest.values()))
        late = [session for session in latest.values() if STAGES.get(session.end_stage, 0) < STAGES[stage]]
        raise _not_verified(late, app.now().wall) from timeout
    app.interrupt_hint = ""
    print_ended(app, list(latest.values()))
    if stage == "accepted" and not app.as_json:
        app.note(_accepted(list(latest.values())))


def _not_verified(late: list[SessionView], now: int) -> NotVerified:
    names = ", ".join(session.name for session in late)
    text = "; ".join(filter(None, [landing_view.still_landing(session, now) for session in late]))
    hint = "the daemon continues; see: gpu-shopper ls"
    if text:
        hint = f"the daemon continues; to end it without its results: gpu-shopper shutdown {late[0].name}"
    return NotVerified(f"accepted, not verified in time: {text or f'{names} may still bill'}", hint)


def _accepted(sessions: list[SessionView]) -> str:
    pulled = [session for session in sessions if landing_view.is_landing(session)]
    first = f"pulls {', '.join(p.there for each in pulled for p in each.pulls)} first, then " if pulled else ""
    return f"accepted; the daemon {first}destroys the instance and verifies it. See: gpu-shopper ls"


def _refresh(app: App, latest: dict[str, SessionView], wanted: int, progress: ProgressDisplay) -> bool:
    for ref, session in latest.items():
        if STAGES.get(session.end_stage, 0) < wanted:
            latest[ref] = app.client.session(ref)
    session_phases.show_endings(progress, latest.values(), app.now().wall)
    return all(STAGES.get(session.end_stage, 0) >= wanted for session in latest.values())


def print_ended(app: App, sessions: list[SessionView]) -> None:
    """The command's output: each session's stage and what it has cost."""
    if app.output == "table":
        cells = [[session.name, _stage(session), money(session.accrued)] for session in sessions]
        for line in tables.aligned(cells, [False, False, True]):
            tables.out(line)
    elif app.output == "json":
        tables.document(app, sessions=sessions)
    else:
        tables.rows(app, "sessions", sessions, session_views.columns(app.now().wall))


def _stage(session: SessionView) -> str:
    stages = {
        **dict.fromkeys(("proven", "forgotten"), session_views.outcome(session)),
        "off": "off",
        "requested": "requested, may still bill",
        "": "pulling, still bills" if landing_view.is_landing(session) else session.status,
    }
    return stages.get(session.end_stage, session.end_stage)
