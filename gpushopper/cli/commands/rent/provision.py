"""`provision`: plan, ask, rent, and stay until the instance is handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.rent.plan import CHOICE, plan_request, refuse_over_limit
from gpushopper.cli.input.command_classes import Command, all_of
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import DRY_RUN, LIFE, SEARCH, YES, settings
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import json_output, session_phases, tables
from gpushopper.cli.output.plan_view import tell
from gpushopper.cli.output.progress_display import steps
from gpushopper.cli.output.session_views import NO_INSTANCE, print_session, ssh
from gpushopper.cli.output.text_format import money
from gpushopper.cli.polling import Out, poll
from gpushopper.cli.remote import session_setup
from gpushopper.core.model.container_image import registry_of
from gpushopper.core.model.session_names import session_name_problem, to_valid_name
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NotVerified, UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config
    from gpushopper.wire import Plan, ProvisionRequest, SessionView

RENT = (
    click.option("--name", metavar="NAME", help="Name of the session (default: one is made)."),
    click.option("-c", "--consumer", metavar="NAME", help="Whom to charge (default me)."),
    click.option("--keep-stopped", is_flag=True, help="Keep an instance that others stopped; its disk bills."),
    click.option("--hard-max", type=SPAN, metavar="SPAN", help="Allow more than 12 h in all; needs --reason."),
    click.option("--reason", default="", metavar="TEXT", help="Why it may live longer than 12 h."),
    click.option("--image-login", is_flag=True, help="Hand over your stored login at the image's registry."),
    click.option("--allow-unguarded", is_flag=True, help="Take it even if it turns out that it cannot end itself."),
    click.option("--no-wait", is_flag=True, help="Return once the request is accepted."),
    click.option("--timeout", type=SPAN, default="10m", show_default=True, help="How long to wait."),
)


@click.command("provision", cls=Command)
@all_of(SEARCH)
@all_of(CHOICE)
@all_of(LIFE)
@all_of(RENT)
@all_of(session_setup.OPTIONS)
@DRY_RUN
@YES
@click.pass_obj
def provision(app: App, /, no_wait: bool, timeout: int, dry_run: bool, yes: bool, **given: Any) -> None:
    """Rent a GPU for a given time.

    Shows the most it can cost, asks, rents the best offer that fits (the next one when it fails) and waits until the
    instance is handed over. Its end is written down before anything is asked for.
    """
    _check(given)
    wanted = session_setup.read(given)
    config = settings(app)
    found = app.client.plan(plan_request(app, config, given, to_rent=True))
    session_setup.refuse(wanted, found, no_wait)
    shared = _shared(found) if given["image_login"] else []
    if dry_run:
        _print_plan(app, found, shared)
        return
    if not app.as_json:
        tell(app, found, shared)
    refuse_over_limit(found)
    confirm(app, f"Rent it, for at most {money(found.max_cost)}?", yes)
    app.goes_on = "the request may have been accepted; see: gpu-shopper ls"
    accepted = app.client.provision(_request(found, config, given, wanted.plain))
    ref = accepted.sessions[0]
    session = app.client.session(ref) if no_wait else _wait(app, ref, timeout)
    session_setup.apply(app, session, wanted)
    print_session(app, session)
    _last_words(app, session, no_wait)


def _check(given: dict[str, Any]) -> None:
    if given["hard_max"] is not None and not given["reason"].strip():
        raise UsageError("--hard-max needs --reason", "say why it may live longer than 12 h")
    name = given["name"]
    if name is not None and (fault := session_name_problem(name)):
        hint = f"for instance: --name {to_valid_name(name)}" if name else "give a name, or leave --name out"
        raise UsageError(fault, hint, code="bad_name")


def _shared(found: Plan) -> list[str]:
    """What the rental gives away, said before it is agreed to."""
    try:
        registry = registry_of(found.image)
    except ValueError as error:
        raise UsageError(f"{found.image} names no registry to log in at: {error}") from None
    cloud = found.offers[0].provider
    return [f"{cloud} and the host get your login at {registry}: let it be a token that can only read."]


def _request(found: Plan, config: Config, given: dict[str, Any], variables: dict[str, str]) -> ProvisionRequest:
    """Exactly what the plan showed: its shortlist, its cap, its end."""
    from gpushopper.wire import ProvisionRequest

    return ProvisionRequest(
        offers=found.offers,
        disk_gb=found.disk_gb,
        max_rate=found.max_rate,
        duration_us=found.duration_us,
        deadline_at=None if found.duration_us else found.deadline_at,
        image=found.image,
        retries=found.retries,
        name=given["name"],
        consumer=given["consumer"] or config.provision.consumer or "me",
        keep_stopped=given["keep_stopped"],
        max_duration_us=given["hard_max"],
        max_duration_reason=given["reason"],
        environment=variables,
        allow_unguarded=given["allow_unguarded"],
        image_login=given["image_login"],
    )


def _print_plan(app: App, found: Plan, shared: list[str]) -> None:
    if app.as_json:
        tables.out(json_output.document(dry_run=True, plan=found))
    else:
        tell(app, found, shared)
        app.note("Nothing was rented (--dry-run).")
    refuse_over_limit(found)


def _wait(app: App, ref: str, limit_us: int) -> SessionView:
    """Follow the session until it is handed over."""
    latest: list[SessionView] = []
    with steps(app) as shown:

        def look() -> bool:
            session = app.client.session(ref)
            latest[:] = [session]
            app.goes_on = f"provisioning goes on; end it with: gpu-shopper shutdown {session.name}"
            session_phases.show_provisioning(shown, session, app.now().wall)
            return session.status not in ("pending", "provisioning")

        try:
            poll(look, limit_us / SECOND)
        except Out as out:
            raise NotVerified(
                f"{latest[0].name} is not handed over after {span(limit_us)}; it goes on and may bill",
                f"see: gpu-shopper get {latest[0].name}, or end it: gpu-shopper shutdown {latest[0].name}",
            ) from out
    app.goes_on = ""
    if latest[0].status != "running":
        raise session_phases.failure_of(latest[0], session_phases.cause(app, latest[0]))
    return latest[0]


def _last_words(app: App, session: SessionView, no_wait: bool) -> None:
    if app.output not in ("table", "wide"):
        return
    if no_wait:
        app.note(f"Accepted; see: gpu-shopper get {session.name}")
        return
    login = ssh(session)
    app.note(f"ssh: {login}" if login == NO_INSTANCE else f"Log in: {login}")
