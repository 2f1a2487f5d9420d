"""`plan`: the money first, then the shortlist."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.rent.inventory import COLUMNS
from gpushopper.cli.input.command_classes import Command, all_of
from gpushopper.cli.input.options import LIFE, SEARCH, life, search_request, settings
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.text_format import clean, money, per_gb, plural, rate, when
from gpushopper.core.images import fault_hint, image_fault
from gpushopper.core.moment import HOUR
from gpushopper.core.spans import span
from gpushopper.errors import Refused, UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config
    from gpushopper.wire import Plan, PlanRequest

CHOICE = (
    click.option("-i", "--offer", "--offer-id", "offer", metavar="ID", help="This very offer."),
    click.option("--image", metavar="IMAGE", help="Container image."),
    click.option("--retries", type=click.IntRange(0, 10), metavar="N", help="Further offers to try (default 2)."),
)
SHORTLIST = 10
DEFAULT_HOURS = 2.0


def plan_request(app: App, config: Config, given: dict[str, Any], *, to_rent: bool = False) -> PlanRequest:
    """What the flags and the settings ask for."""
    from gpushopper.wire import PlanRequest

    defaults = config.provision
    if given["offer"] is not None:
        defaults = replace(defaults, gpu=None, gpus=None)  # the offer itself says which and how many
    elif not given["gpu"] and defaults.gpu is None:
        given = {**given, "gpu": (_ask_gpu(app),)}
    image = given["image"] if given["image"] is not None else defaults.image
    _refuse_impossible(image)
    life_us, until_at = life(app, given["hours"], given["span"], given["until"])
    if life_us is None and until_at is None:
        life_us = round((defaults.hours or DEFAULT_HOURS) * HOUR)
    retries = given["retries"] if given["retries"] is not None else defaults.retries
    return PlanRequest(
        search=search_request(defaults, given, sort="price", limit=SHORTLIST),
        offer=given["offer"],
        life_us=life_us,
        until_at=until_at,
        image=image,
        retries=2 if retries is None else retries,
        max_life_us=given.get("hard_max"),
        to_rent=to_rent,
        image_login=given.get("image_login", False),
    )


def _ask_gpu(app: App) -> str:
    """The GPU, where none was named.

    Raises:
        UsageError: nobody can be asked.
    """
    if not app.may_ask():
        raise UsageError("which GPU?", "name it: --gpu 'RTX 4090'; see: gpu-shopper inventory", code="gpu_missing")
    return str(click.prompt("Which GPU, for instance RTX 4090 or a100:2?", err=True, prompt_suffix=" "))


def _refuse_impossible(image: str | None) -> None:
    fault = "" if image is None else image_fault(image)
    if fault:
        raise UsageError(fault, fault_hint(fault), code="bad_image")


@click.command("plan", cls=Command)
@all_of(SEARCH)
@all_of(CHOICE)
@all_of(LIFE)
@click.pass_obj
def plan(app: App, /, **given: Any) -> None:
    """Show what `provision` would rent, and the most it can cost. Rents nothing."""
    found = app.client.plan(plan_request(app, settings(app), given))
    if app.output == "json":
        tables.out(json_output.document(plan=found))
    elif app.output in ("jsonl", "name"):
        tables.rows(app, "offers", found.offers, COLUMNS, name="key")
    else:
        for line in money_first(found, app.now().wall):
            tables.out(line)
        tables.out("")
        tables.table(app, found.offers, COLUMNS)
    refuse_if_braked(found)


def refuse_if_braked(found: Plan) -> None:
    """Raise the brake that this plan would meet."""
    if found.refusal:
        longer = "override it: --hard-max 24h --reason TEXT"
        brake = "ask for less, raise the limit in config.toml, or end a session: gpu-shopper ls"
        raise Refused(found.refusal, longer if "--hard-max" in found.refusal else brake)


def money_first(found: Plan, now: int) -> list[str]:
    """The plan in three lines, worst case first."""
    best = found.offers[0]
    count = f"{best.gpu_count}x " if best.gpu_count > 1 else ""
    spare = len(found.offers) - 1
    others = f", else {plural(min(spare, found.retries), 'further offer')}" if spare and found.retries else ""
    how_long = f"for {span(found.life_us)}" if found.life_us else "until then"
    first = best.rate * (found.until_at - now) // HOUR
    dearest = f" on the dearest of {len(found.offers)} offers, {money(first)} on the first" if spare else ""
    return [
        f"At most {money(found.worst)} by {when(found.until_at, now)}{dearest}{_traffic(best)}.",
        clean(f"{count}{best.gpu} at {rate(best.rate)} an hour {how_long}: {best.key}, {best.region}{others}."),
        clean(f"Disk {found.disk_gb:g} GB, image {found.image}, guard: {_guard(found.guard)}."),
    ]


def _traffic(offer: Any) -> str:
    if not offer.upload_gb and not offer.download_gb:
        return ""
    if offer.upload_gb == offer.download_gb:
        return f", + traffic at {per_gb(offer.upload_gb)}/GB"
    return f", + traffic at {per_gb(offer.upload_gb)}/GB out and {per_gb(offer.download_gb)}/GB in"


def _guard(guard: str) -> str:
    return "paper: none" if guard == "paper" else guard


def tell(app: App, found: Plan, more: Sequence[str] = ()) -> None:
    """The plan on stderr, before a question, with what else there is to say about it."""
    for line in (*money_first(found, app.now().wall), *map(clean, more)):
        print(line, file=sys.stderr)
