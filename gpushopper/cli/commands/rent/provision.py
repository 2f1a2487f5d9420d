"""`provision`: plan, confirm, request the session, and wait until it is ready."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.rent import capacity
from gpushopper.cli.commands.rent.like import filled
from gpushopper.cli.commands.rent.plan import CHOICE, landing_of, plan_request, refuse_over_limit
from gpushopper.cli.input.charging import CHARGING, consumer_of, read_tags
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.options import DRY_RUN, DURATION, LANDING, LIMITS, SEARCH, YES, load_settings
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import end_limits_view, session_phases, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.offer_table import note_missing
from gpushopper.cli.output.plan_view import print_plan
from gpushopper.cli.output.progress_display import progress_for
from gpushopper.cli.output.session_views import SIMULATED, print_session, ssh
from gpushopper.cli.output.text_format import money
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import session_setup
from gpushopper.core.model.container_image import registry_of
from gpushopper.core.model.session_names import session_name_problem, to_valid_name
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NotVerified, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import Plan, PlanRequest, ProvisionRequest, SessionView

NOT_RENTED = "Nothing was rented."
WATCHED_S = 20.0
"""How long to wait for its agent, which is brought once it is ready."""
OLDEST_US = 60 * SECOND
"""An offer older than this is not rented: its cloud is asked again first."""
RENT = (
    click.option("--name", metavar="NAME", help="Name of the session (default: a generated one)."),
    click.option("--like", metavar="NAME", help="As this session was rented, where no option says otherwise."),
    click.option(
        "--wait-for-capacity", type=SPAN, metavar="SPAN", help="Where nothing fits, ask again for so long, such as 2h."
    ),
    click.option("--keep-stopped", is_flag=True, help="Keep an instance the provider stopped; its disk still bills."),
    click.option("--hard-max", type=SPAN, metavar="SPAN", help="Allow more than 12 h in all; needs --reason."),
    click.option("--reason", default="", metavar="TEXT", help="Why it may run longer than 12 h."),
    click.option("--image-login", is_flag=True, help="Send your stored registry login with the request."),
    click.option("--allow-broken-guard", is_flag=True, help="Accept an instance whose guard does not work."),
    click.option("--no-wait", is_flag=True, help="Return once the request is accepted."),
    click.option("--timeout", type=SPAN, default="10m", show_default=True, help="How long to wait."),
)


@click.command("provision", cls=Command)
@add_options(SEARCH)
@add_options(CHOICE)
@add_options(DURATION)
@add_options(RENT)
@add_options(CHARGING)
@add_options(LIMITS)
@add_options(LANDING)
@add_options(session_setup.OPTIONS)
@DRY_RUN
@YES
@click.pass_obj
def provision(app: App, /, no_wait: bool, timeout: int, dry_run: bool, yes: bool, **given: Any) -> None:
    """Rent a GPU for a given time.

    Shows the max cost, asks for confirmation, rents the best matching offer (the next one when it fails) and waits
    until the instance is ready. The deadline is stored before anything is requested.
    """
    _check(given)
    if dry_run:
        tables.refuse_csv(app, "provision --dry-run")
    if given["like"] is not None:
        given = filled(app, given, given["like"])
    landing = landing_of(given)
    wanted = session_setup.read(given)
    config = load_settings(app)
    given["server"] = app.home.host
    request = plan_request(app, config, given, to_rent=True)
    found = capacity.plan(app, request, given["wait_for_capacity"], answers=yes or dry_run)
    planned_at = app.now().boot
    session_setup.refuse(wanted, found, no_wait)
    disclosure = _login_disclosure(found) if given["image_login"] else []
    disclosure += [*end_limits_view.disclosure(found, given), *landing_view.disclosure(found, given, app.now().wall)]
    if dry_run:
        _print_plan(app, found, disclosure)
        return
    if not app.as_json:
        print_plan(app, found, disclosure)
    note_missing(app, [*found.missing, *found.left_out])
    refuse_over_limit(found)
    confirm(app, f"Rent it, for at most {money(found.max_cost)}?", yes, NOT_RENTED)
    found = fresh_plan(app, request, found, planned_at, yes)
    app.interrupt_hint = "the request may have been accepted; see: gpu-shopper ls"
    more = {"landing": landing, "charged": consumer_of(given["consumer"], config, given["server"])}
    accepted = app.client.provision(_request(found, {**given, **more}, wanted.plain, _own_key(app)))
    ref = accepted.sessions[0]
    session = app.client.session(ref) if no_wait else _wait(app, ref, timeout)
    session_setup.apply(app, session, wanted)
    if not no_wait and (given["idle"] or given["contact"]):
        session = _wait_watched(app, session)
    print_session(app, session)
    _print_login_hint(app, session, no_wait)
    if session.limits.unwatched and (given["idle"] or given["contact"]):
        app.note(f"Not watched: {session.limits.unwatched}. It lives to its deadline.")


def _check(given: dict[str, Any]) -> None:
    if given["hard_max"] is not None and not given["reason"].strip():
        raise UsageError("--hard-max needs --reason", "say why it may run longer than 12 h")
    name = given["name"]
    if name is not None and (fault := session_name_problem(name)):
        hint = f"for instance: --name {to_valid_name(name)}" if name else "give a name, or leave --name out"
        raise UsageError(fault, hint, code="bad_name")


def fresh_plan(app: App, request: PlanRequest, found: Plan, planned_at: int, yes: bool) -> Plan:
    """The plan that was agreed to, made again if its offers are older than a minute by now.

    What is dearer than what was agreed to is shown and asked about again. `planned_at` is boot-clock µs.
    """
    while max(offer.age_us for offer in found.offers) + app.now().boot - planned_at > OLDEST_US:
        newer, planned_at = app.client.plan(request), app.now().boot
        refuse_over_limit(newer)
        if newer.max_cost > found.max_cost:
            app.note("The offers have changed meanwhile.")
            print_plan(app, newer)
            confirm(app, f"Rent it, for at most {money(newer.max_cost)}?", yes, NOT_RENTED)
        found = newer
    return found


def _login_disclosure(found: Plan) -> list[str]:
    """The warning that provider and host see the registry login, shown before the question."""
    try:
        registry = registry_of(found.image)
    except ValueError as error:
        raise UsageError(f"{found.image} names no registry to log in at: {error}") from None
    clouds = ", ".join(dict.fromkeys(offer.provider for offer in found.offers))
    return [f"{clouds} and the host will see your login at {registry}: use a read-only token."]


def _own_key(app: App) -> str:
    """The public key of this computer, where it is not the daemon's, which logs in with its own."""
    if not app.home.host:
        return ""
    from gpushopper.cli.process.lab.member_key import public_key

    return public_key(app.home)


def _request(found: Plan, given: dict[str, Any], variables: dict[str, str], ssh_key: str) -> ProvisionRequest:
    """Exactly what the plan showed: its shortlist, its max rate, its deadline."""
    from gpushopper.wire import ProvisionRequest

    return ProvisionRequest(
        offers=found.offers,
        disk_gb=found.disk_gb,
        max_rate=found.max_rate,
        duration_us=found.duration_us,
        deadline_at=None if found.duration_us else found.deadline_at,
        image=found.named_image,
        retries=found.retries,
        name=given["name"],
        consumer=given["charged"],
        tags=read_tags(given["tags"]),
        keep_stopped=given["keep_stopped"],
        max_duration_us=given["hard_max"],
        max_duration_reason=given["reason"],
        environment=variables,
        allow_unguarded=given["allow_unguarded"],
        allow_broken_guard=given["allow_broken_guard"],
        image_login=given["image_login"],
        idle_us=given["idle"] or None,
        idle_when=given["idle_when"] or "any",
        contact_us=given["contact"],
        hold_us=given["hold"] or None,
        ssh_key=ssh_key,
        **given["landing"],
    )


def _print_plan(app: App, found: Plan, disclosure: list[str]) -> None:
    if app.as_json:
        tables.document(app, dry_run=True, plan=found)
    else:
        print_plan(app, found, disclosure)
        app.note("Nothing was rented (--dry-run).")
    note_missing(app, [*found.missing, *found.left_out])
    refuse_over_limit(found)


def _wait(app: App, ref: str, limit_us: int) -> SessionView:
    """Show the session's progress until it is ready; raises NotVerified after `limit_us`."""
    latest: list[SessionView] = []
    with progress_for(app) as progress:

        def is_done() -> bool:
            session = app.client.session(ref)
            latest[:] = [session]
            app.interrupt_hint = f"provisioning continues; end it with: gpu-shopper shutdown {session.name}"
            session_phases.show_provisioning_progress(progress, session, app.now().wall)
            return session.status not in ("pending", "provisioning")

        try:
            poll(is_done, limit_us / SECOND)
        except WaitTimeout as timeout:
            raise NotVerified(
                f"{latest[0].name} is not ready after {span(limit_us)}; it continues and may bill",
                f"see: gpu-shopper get {latest[0].name}, or end it: gpu-shopper shutdown {latest[0].name}",
            ) from timeout
    app.interrupt_hint = ""
    if latest[0].status != "running":
        raise session_phases.failure(app, latest[0])
    return latest[0]


def _wait_watched(app: App, session: SessionView) -> SessionView:
    """Wait a little for its agent; without one the session is ready all the same."""
    latest = [session]

    def is_settled() -> bool:
        latest[:] = [app.client.session(session.id)]
        return latest[0].status != "running" or not latest[0].limits.settling

    with suppress(WaitTimeout):
        poll(is_settled, WATCHED_S)
    return latest[0]


def _print_login_hint(app: App, session: SessionView, no_wait: bool) -> None:
    if app.output not in ("table", "wide"):
        return
    if no_wait:
        app.note(f"Accepted; see: gpu-shopper get {session.name}")
        return
    login = ssh(session)
    app.note(f"ssh: {login}" if login == SIMULATED else f"Log in: {login}")
