"""`done` and `shutdown`: end sessions, and say honestly how far the end has come."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command, all_of
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import DRY_RUN, YES, confirm
from gpushopper.cli.output import json_output, session_phases, session_views, tables
from gpushopper.cli.output.progress_display import Steps, steps
from gpushopper.cli.output.text_format import money, plural, when
from gpushopper.cli.polling import Out, poll
from gpushopper.core.moment import SECOND
from gpushopper.errors import Misconfigured, NotFound, NotVerified, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ProviderStatus, SessionView

KEYRING_LIMIT_S = 30.0
STAGES = {"": 0, "asked": 1, "off": 2, "proven": 3}

WAIT = (
    click.option("--wait", "until_stage", type=click.Choice(["off", "proven"]), default="off", show_default=True),
    click.option("--no-wait", is_flag=True, help="Return once the end is accepted."),
    click.option("--timeout", type=SPAN, default="3m", show_default=True, help="How long to wait."),
    DRY_RUN,
    YES,
)


@click.command("done", cls=Command)
@click.argument("name", required=False)
@all_of(WAIT)
@click.pass_obj
def done(app: App, name: str | None, until_stage: str, no_wait: bool, timeout: int, dry_run: bool, yes: bool) -> None:
    """End a session gracefully, and wait until it is off."""
    found = [session_argument.to_act_on(app, name, asks=yes)]
    _end(app, found, force=False, everything=False, yes=yes, dry_run=dry_run)
    if not dry_run:
        _settle(app, found, "accepted" if no_wait else until_stage, timeout)


@click.command("delete", cls=Command)
@click.argument("name", required=False)
@all_of(WAIT)
@click.pass_obj
def delete(app: App, name: str | None, until_stage: str, no_wait: bool, timeout: int, dry_run: bool, yes: bool) -> None:
    """End a session at once, and wait until it is off."""
    found = [session_argument.to_act_on(app, name, asks=yes)]
    _end(app, found, force=True, everything=False, yes=yes, dry_run=dry_run)
    if not dry_run:
        _settle(app, found, "accepted" if no_wait else until_stage, timeout)


@click.command("shutdown", cls=Command)
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every open session.")
@click.option("-f", "--force", is_flag=True, help="At once, without a graceful end.")
@all_of(WAIT)
@click.pass_obj
def shutdown(
    app: App,
    names: tuple[str, ...],
    everything: bool,
    force: bool,
    until_stage: str,
    no_wait: bool,
    timeout: int,
    dry_run: bool,
    yes: bool,
) -> None:
    """End sessions and wait until they are off.

    `off` means that the cloud no longer shows the instance; the daemon then finishes the proof. `--wait proven` waits
    for the receipt: only then it is called destroyed.
    """
    found, unknown = _chosen(app, names, everything, yes)
    if not found:
        app.note("There is no open session.")
        _print(app, [])
        return
    _end(app, found, force=force, everything=everything, yes=yes, dry_run=dry_run)
    if not dry_run:
        _settle(app, found, "accepted" if no_wait else until_stage, timeout)
    if unknown:
        what = ", ".join(ref or "a name that is empty" for ref in unknown)
        kind = NotFound if all(unknown) else UsageError
        raise kind(f"no such session, so not ended: {what}", "see: gpu-shopper ls", code="not_all_found")


def _chosen(app: App, names: tuple[str, ...], everything: bool, yes: bool) -> tuple[list[SessionView], list[str]]:
    """The sessions to end, and the names that mean none: they are no reason to let the rest go on billing.

    Raises:
        UsageError, NotFound: no name is any good.
    """
    if everything and names:
        raise UsageError("give names or --all, not both", "see: gpu-shopper ls")
    if everything:
        return list(app.client.sessions(only_open=True).sessions), []
    if not names and not app.may_ask():
        raise UsageError("name the sessions, or --all", "see: gpu-shopper ls")
    found: dict[str, SessionView] = {}
    unknown: dict[str, ShopperError] = {}
    for ref in names or (None,):
        try:
            session = session_argument.to_act_on(app, ref, asks=yes)
            found[session.id] = session
        except (NotFound, UsageError) as error:
            if ref is None:
                raise
            unknown[ref] = error
    faults = sorted(unknown.values(), key=lambda error: error.exit_code)
    raised = faults.pop(0) if faults and not found else None
    for fault in faults:
        app.note(f"will not be ended: {fault.message}")
    if raised:
        raise raised
    return list(found.values()), list(unknown)


def _end(app: App, found: list[SessionView], *, force: bool, everything: bool, yes: bool, dry_run: bool) -> None:
    """Name what will be destroyed, ask, and hand the decision to the daemon."""
    ending = [session for session in found if session.stage == ""]  # the others have been asked for already
    for session in ending:
        what = f"{session_views.gpu(session)} on {session.provider}, {session_views.money_line(session)}"
        if not app.as_json:
            app.note(f"{'would end' if dry_run else 'to end'}: {session.name}, {what}")
    if dry_run:
        _print(app, found)
        return
    if not ending:
        _refuse_keyless(app, found)
        return
    confirm(app, f"Destroy {plural(len(ending), 'instance')}? What is on the disk is lost.", yes)
    if everything and not force:
        app.client.shutdown("user")
    for session in ending if not everything or force else []:
        _end_one(app, session, force)
    app.goes_on = "the end goes on; the daemon destroys and proves. See: gpu-shopper ls"
    _refuse_keyless(app, found)


def _refuse_keyless(app: App, found: list[SessionView]) -> None:
    """Without a key nothing can be asked of the cloud: name each deadline and who keeps it, and exit 4 (F105, D16)."""
    waiting = {session.provider for session in found if session.stage in ("", "asked")}
    lacking = _keyless(app, waiting) if waiting else {}
    stuck = [session for session in found if session.provider in lacking and session.stage in ("", "asked")]
    if not stuck:
        return
    now = app.now().wall
    for session in stuck:
        until = f"its deadline is {when(session.deadline_at, now)}" if session.deadline_at else "it has no deadline"
        keeper = session_views.keeper(session, "the daemon has a key", now)
        app.note(f"{session.name}: its end is written down; {until}, and {keeper}")
    account = lacking[stuck[0].provider]
    code = "no_key" if account.key_state == "missing" else f"key_{account.key_state}"
    raise Misconfigured(account.detail, f"{account.key_hint}; it is destroyed as soon as a key is there", code=code)


def _keyless(app: App, providers: set[str]) -> dict[str, ProviderStatus]:
    """Those of the accounts that have no key; a keyring that is being asked is waited for."""

    def look() -> bool:
        rows = app.client.providers().providers
        lacking.clear()
        lacking.update({row.name: row for row in rows if row.state == "keyless" and row.name in providers})
        return all(row.key_state != "asking" for row in lacking.values())

    lacking: dict[str, ProviderStatus] = {}
    with suppress(Out):
        poll(look, KEYRING_LIMIT_S)
    return lacking


def _end_one(app: App, session: SessionView, force: bool) -> None:
    try:
        if force:
            app.client.delete(session.id)
        else:
            app.client.done(session.id, "user")
    except NotFound:
        app.note(f"{session.name}: no longer known to the daemon")
        raise


def _settle(app: App, found: list[SessionView], stage: str, limit_us: int) -> None:
    """Wait for the stage, print the sessions, and exit 8 when it was not reached."""
    latest = {session.id: session for session in found}
    try:
        with steps(app) as shown:
            if stage == "accepted":
                _refresh(app, latest, 1, shown)
            else:
                poll(lambda: _refresh(app, latest, STAGES[stage], shown), limit_us / SECOND)
    except Out as out:
        _print(app, list(latest.values()))
        late = [session.name for session in latest.values() if STAGES.get(session.stage, 0) < STAGES[stage]]
        raise NotVerified(
            f"accepted, not verified in time: {', '.join(late)} may still bill",
            "the daemon goes on; see: gpu-shopper ls",
        ) from out
    app.goes_on = ""
    _print(app, list(latest.values()))
    if stage == "accepted" and not app.as_json:
        app.note("accepted; the daemon destroys and proves. See: gpu-shopper ls")


def _refresh(app: App, latest: dict[str, SessionView], wanted: int, shown: Steps) -> bool:
    for ref, session in latest.items():
        if STAGES.get(session.stage, 0) < wanted:
            latest[ref] = app.client.session(ref)
        session_phases.show_ending(shown, latest[ref])
    return all(STAGES.get(session.stage, 0) >= wanted for session in latest.values())


def _print(app: App, sessions: list[SessionView]) -> None:
    """The answer: which session is at which stage, and what it cost."""
    if app.output == "table":
        for session in sessions:
            tables.out(f"{session.name}  {_stage(session)}  {money(session.accrued)}")
    elif app.output == "json":
        tables.out(json_output.document(sessions=sessions))
    else:
        tables.rows(app, "sessions", sessions, session_views.columns(app.now().wall))


def _stage(session: SessionView) -> str:
    stages = {"proven": session_phases.outcome(session), "off": "off", "asked": "asked, may still bill", "": session.status}
    return stages.get(session.stage, session.stage)
