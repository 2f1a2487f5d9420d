"""`set`: change what ends a session early, what is done before, and its tags; wait until its instance confirms it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.sessions.confirmation import await_confirmation
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.charging import read_tags
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import LANDING, LIMITS, changed_landing_fields
from gpushopper.cli.output import end_limits_view, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.session_views import print_session
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.wire import LimitsRequest, SessionView


@click.command("set", cls=Command)
@click.argument("name", required=False)
@add_options(LIMITS)
@add_options(LANDING)
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE",
    help="Tag it, also after its end: its costs, all of them, are grouped by the tags it has now.",
)  # fmt: skip
@click.option("--untag", multiple=True, metavar="KEY", help="Take a tag away.")
@click.option("--no-wait", is_flag=True, help="Return once the change is recorded.")
@click.option("--timeout", type=SPAN, default="1m", show_default=True, help="How long to wait for the instance.")
@click.pass_obj
def set_limits(app: App, /, name: str | None, no_wait: bool, timeout: int, **given: Any) -> None:
    """Change what ends a session early, what is done before its end, and its tags; its deadline stays (see extend).

    Each limit is a time, or off. --pull replaces all folders that were named before; --pull off and --before-end off
    want none. Waits until the instance has confirmed it: until then it obeys the former ones.
    """
    tags, untag = read_tags(given.pop("tags")), given.pop("untag")
    request = _request(given, is_needed=not tags and not untag)
    found = session_argument.to_act_on(app, name)
    if request is not None:
        _refuse_hold(found, request, given)
    if tags or untag:
        session = app.client.set_tags(found.id, tags, untag)
        _print_tags(app, session, is_all=request is None)
    if request is not None:
        _change(app, found, request, no_wait=no_wait, timeout=timeout)


def _refuse_hold(found: SessionView, request: LimitsRequest, given: dict[str, Any]) -> None:
    if given["hold"] and not (found.pulls if request.pulls is None else request.pulls):
        text = f"{found.name} has nothing to pull, so that nothing is waited for"
        raise UsageError(text, "name it with: --pull DIR:LOCAL")


def _change(app: App, found: SessionView, request: LimitsRequest, *, no_wait: bool, timeout: int) -> None:
    """Change limits and landing, and wait for the instance."""
    session = app.client.set_limits(found.id, request)
    if not no_wait:
        session = await_confirmation(app, session, "the change", timeout, _is_settled, _not_confirmed)
    if app.output == "table":
        _print(app, found, session, request)
    else:
        print_session(app, session)


def _print_tags(app: App, session: SessionView, *, is_all: bool) -> None:
    if app.output != "table":
        if is_all:
            print_session(app, session)
        return
    named = ", ".join(f"{key}={value}" for key, value in session.tags.items())
    tables.sentences([clean(f"{session.name}: {f'tagged {named}' if named else 'no tags'}")])


def _request(given: dict[str, Any], *, is_needed: bool) -> LimitsRequest | None:
    from gpushopper.wire import LimitsRequest

    limits = {"idle_us": given["idle"], "idle_when": given["idle_when"]}
    limits |= {"contact_us": given["contact"], "hold_us": given["hold"]}
    request = LimitsRequest(**limits, **changed_landing_fields(given))
    if request == LimitsRequest():
        if not is_needed:
            return None
        raise UsageError("nothing to change", "give --idle, --contact, --hold, --pull, --before-end, --tag or another")
    return request


def _print(app: App, before: SessionView, session: SessionView, request: LimitsRequest) -> None:
    lines = [f"{session.name}: early ends: {end_limits_view.limits(session)}"]
    if request.pulls is not None or request.before_end is not None or request.land_for_us is not None:
        lines.append(f"{session.name}: before its end: {landing_view.steps_before_end(session)}")
    tables.sentences(map(clean, lines))
    if session.pulls and not before.pulls:
        app.note("This computer must be on for that; a run that was started with --rm before does not wait for it.")
    if session.limits.unwatched and session.status == "running":
        app.note(f"Not watched: {session.limits.unwatched}.")


def _is_settled(session: SessionView) -> bool:
    return session.status != "running" or session.guard_state == "not_applicable" or session.limits.confirmed


def _not_confirmed(session: SessionView) -> str:
    why = f"; not watched: {session.limits.unwatched}" if session.limits.unwatched else ""
    return f"{session.name} has not confirmed it yet: early ends: {end_limits_view.limits(session)}{why}"
