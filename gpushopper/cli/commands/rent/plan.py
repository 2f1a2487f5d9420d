"""`plan`: show the max cost, then the shortlist of offers; also builds the PlanRequest of `provision`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.charging import CHARGING, consumer_of, read_tags
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.options import (
    DURATION,
    LANDING,
    LIMITS,
    SEARCH,
    duration_or_deadline,
    landing_fields,
    load_settings,
    search_request,
)
from gpushopper.cli.output import end_limits_view, tables
from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.offer_table import COLUMNS, note_missing, note_unstated
from gpushopper.cli.output.plan_view import print_sentences, summary_lines
from gpushopper.core.model.container_image import image_problem, image_problem_hint
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.errors import Misconfigured, Refused, UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config
    from gpushopper.wire import Plan, PlanRequest

CHOICE = (
    click.option("-i", "--offer", "--offer-id", "offer", metavar="ID", help="Exactly this offer."),
    click.option("--image", metavar="IMAGE", help="Container image; at VM clouds, an operating system."),
    click.option("--retries", type=click.IntRange(0, 10), metavar="N", help="Further offers to try (default 2)."),
    click.option("--allow-unguarded", is_flag=True, help="Accept a cloud whose instances cannot end themselves."),
)
SHORTLIST = 10


def plan_request(app: App, config: Config, given: dict[str, Any], *, to_rent: bool = False) -> PlanRequest:
    """The request that options and settings make together."""
    from gpushopper.wire import PlanRequest

    defaults = config.provision
    if given["offer"] is not None:
        defaults = replace(defaults, gpu=None, gpus=None)  # the offer determines both
    elif not given["gpu"] and defaults.gpu is None:
        given = {**given, "gpu": (_ask_gpu(app),)}
    image = given["image"] if given["image"] is not None else defaults.image
    _refuse_impossible(image)
    duration_us, deadline_at = duration_or_deadline(app, given["hours"], given["span"], given["until"])
    if duration_us is None and deadline_at is None and defaults.hours:
        duration_us = round(defaults.hours * HOUR)
    retries = given["retries"] if given["retries"] is not None else defaults.retries
    return PlanRequest(
        search=search_request(defaults, given, sort="price", limit=SHORTLIST),
        offer=given["offer"],
        duration_us=duration_us,
        deadline_at=deadline_at,
        image=image,
        retries=2 if retries is None else retries,
        max_duration_us=given.get("hard_max"),
        to_rent=to_rent,
        image_login=given.get("image_login", False),
        allow_unguarded=given["allow_unguarded"],
        consumer=consumer_of(given.get("consumer"), config, given.get("server", "")),
        tags=read_tags(given.get("tags", ())),
    )


def landing_of(given: dict[str, Any]) -> dict[str, Any]:
    """What brings results home before the end, as a request has it.

    Raises:
        UsageError: a folder or the script cannot be used, or there is nothing to hold it for.
    """
    fields = landing_fields(given)
    if given["hold"] and not fields["pulls"]:
        raise UsageError("--hold waits for what --pull brings home", "add --pull DIR:LOCAL, or leave it out")
    return fields


def _ask_gpu(app: App) -> str:
    """Prompt for the GPU if no option or setting names one.

    Raises:
        UsageError: a prompt is not possible.
    """
    if not app.is_interactive():
        raise UsageError("which GPU?", "name it: --gpu 'RTX 4090'; see: gpu-shopper inventory", code="gpu_missing")
    return str(click.prompt("Which GPU, for instance RTX 4090 or a100:2?", err=True, prompt_suffix=" "))


def _refuse_impossible(image: str | None) -> None:
    fault = "" if image is None else image_problem(image)
    if fault:
        raise UsageError(fault, image_problem_hint(fault), code="bad_image")


@click.command("plan", cls=Command)
@add_options(SEARCH)
@add_options(CHOICE)
@add_options(DURATION)
@add_options(CHARGING)
@add_options(LIMITS)
@add_options(LANDING)
@click.pass_obj
def plan(app: App, /, **given: Any) -> None:
    """Show what `provision` would rent, its max cost, and what happens at its end. Rents nothing."""
    landing_of(given)
    found = app.client.plan(plan_request(app, load_settings(app), {**given, "server": app.home.host}))
    if app.output == "json":
        tables.document(app, plan=found)
    elif app.output in ("jsonl", "name", "csv"):
        tables.rows(app, "offers", found.offers, COLUMNS, name="key")
    else:
        now = app.now().wall
        ending = [*end_limits_view.disclosure(found, given), *landing_view.disclosure(found, given, now)]
        print_sentences(app, [*summary_lines(found, now), *ending], sys.stdout)
        tables.out("")
        tables.table(app, found.offers, COLUMNS)
        note_unstated(app, found.unstated)
    note_missing(app, [*found.missing, *found.left_out])
    refuse_over_limit(found)


def refuse_over_limit(found: Plan) -> None:
    """Raise what refuses this plan, if anything does: mostly a spending limit.

    Raises:
        Misconfigured: its first account is another name's too, as a provision of it would say.
        Refused: a spending limit, a budget, or the balance.
    """
    if found.refusal_code == "budget":
        raise Refused(found.refusal, found.refusal_hint, code=found.refusal_code)
    if found.refusal_code:
        raise Misconfigured(found.refusal, found.refusal_hint, code=found.refusal_code)
    if found.refusal:
        longer = "override it: --hard-max 24h --reason TEXT"
        less = "request less, raise the limit in config.toml, or end a session: gpu-shopper ls"
        raise Refused(found.refusal, longer if "--hard-max" in found.refusal else less)
