"""`audit`: compare the providers' instance lists with our records, exit status 9 when they disagree; `audit log`."""

from __future__ import annotations

from typing import cast

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural, rate
from gpushopper.cli.process import daemon_process
from gpushopper.client import JsonObject
from gpushopper.errors import ProblemsFound

COLUMNS = (
    tables.Column("CLOUD", lambda r: r.provider, whole=True),
    tables.Column("INSTANCE", lambda r: r.instance_id, whole=True),
    tables.Column("WHOSE", lambda r: r.kind, whole=True),
    tables.Column("STATUS", lambda r: r.status, whole=True),
    tables.Column("GPU", lambda r: r.gpu, whole=True, spare=1),
    tables.Column("$/HR", lambda r: rate(r.rate), right=True),
    tables.Column("SESSION", lambda r: r.session or "-", whole=True),
    tables.Column("NOTE", lambda r: r.note),
    tables.Column("LABEL", lambda r: r.label, whole=True, wide=True),
)


@click.group("audit", cls=Group, default="instances", lazy={"log": "money_and_safety.audit_log:show_log"})
def audit() -> None:
    """Compare the clouds' instance lists with our records; show and check the log of what was rented and ended."""


@audit.command("instances")
@click.pass_obj
def instances(app: App) -> None:
    """Compare the clouds' instance lists with our records. Exits 9 when they disagree.

    Runs through the daemon if one is up, else without it; it changes nothing. Foreign instances (WHOSE: foreign) are
    shown and never touched.
    """
    found = _run_audit(app)
    tables.rows(
        app,
        "instances",
        found.rows,
        COLUMNS,
        name="instance_id",
        unavailable=found.unavailable,
        problems=found.problems,
        warnings=found.get("warnings", []),
    )
    for warning in found.get("warnings", []):
        app.note(f"warning: {warning}")
    if not found.rows and app.output in ("table", "wide"):
        app.note("No instances on the accounts" + (" that could be read." if found.unavailable else "."))
    for name, why in found.unavailable.items():
        if not app.as_json:
            app.note(f"{name} could not be read: {why}")
    if found.problems or found.unavailable:
        where = "the column NOTE" if found.problems else "the lines above"
        raise ProblemsFound(_summary(found), f"see {where}, and: gpu-shopper alarms")


def _run_audit(app: App) -> JsonObject:
    if app.home.host or app.client_without_start().is_up():
        return cast(JsonObject, app.client.audit())
    return cast(JsonObject, daemon_process.run_one_shot_job(app.home, "audit"))


def _summary(found: JsonObject) -> str:
    if found.problems:
        return f"{plural(found.problems, 'problem')} found"
    return f"{', '.join(found.unavailable)} could not be checked"
