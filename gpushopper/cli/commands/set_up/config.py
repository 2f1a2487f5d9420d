"""`config`: show every setting with its origin, and resolve a copied home folder (S10)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpushopper import clouds
from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import money
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.homes import installation_of
from gpushopper.errors import Misconfigured

if TYPE_CHECKING:
    from gpushopper.config import Config

MONEY = ("max_price", "dollars_per_hour")

COLUMNS = (
    tables.Column("KEY", lambda row: row["key"]),
    tables.Column("VALUE", lambda row: row["shown"], whole=True),
    tables.Column("FROM", lambda row: row["origin"], spare=1),
    tables.Column("MEANS", lambda row: row["about"], wide=True),
)


VERBS = {name: f"set_up.config_changes:{name}_key" for name in ("get", "set", "unset")}
VERBS |= {name: f"set_up.config_changes:{name}_file" for name in ("edit", "path")}


@click.group(cls=Group, default="show", lazy=VERBS)
def config() -> None:
    """Show and change settings; resolve a copied home folder.

    Settings stand in config.toml, project defaults in .gpu-shopper.toml; defaults of renting and spending limits
    can be variables (GPU_SHOPPER_MAX_PRICE), too. Options override them all. `config show` lists every key.
    """


@config.command("show")
@click.pass_obj
def show_config(app: App) -> None:
    """Show every setting and where it comes from; with -o wide, what it means. Exits 4 if one names no known cloud."""
    from gpushopper import config as settings

    found = settings.load(app.home, project_from=Path.cwd())
    rows = setting_rows(found)
    installation = installation_of(app.home)
    files = {
        "home": str(app.home.data),
        "config_file": str(app.home.config_file),
        "installation": installation or None,
    }
    wrong_accounts = clouds.wrong_accounts(found.account_clouds).values()
    unknown = [*clouds.unknown(found.providers), *wrong_accounts]
    problems = {"skipped_clouds": dict(clouds.skipped()), "unknown_providers": [wrong.message for wrong in unknown]}
    tables.rows(app, "settings", rows, COLUMNS, name="key", **files, **problems)
    for name, why in clouds.skipped().items():
        app.note(f"warning: the cloud {name} is left out: {why}")
    if app.output in ("table", "wide"):
        own = f", installation {installation}" if installation else ""
        app.note(f"Home {app.home.data}, settings {app.home.config_file}{own}")
    for wrong in unknown:
        app.note(f"error: {wrong.message}; {wrong.hint}")
    if unknown:
        raise click.exceptions.Exit(Misconfigured.exit_code)


def setting_rows(found: Config) -> list[dict[str, Any]]:
    from gpushopper.config.key_texts import about

    sections: dict[str, Any] = {
        "brakes": found.brakes,
        "money": found.money,
        "policy": found.policy,
        "keys": found.keys,
        "metrics": found.metrics,
        "daemon": found.daemon,
        "client": found.client,
        "defaults.inventory": found.inventory,
        "defaults.provision": found.provision,
        **{f"providers.{name}": found.provider(name) for name in found.providers},
        **{f"accounts.{name}": found.account(name) for name in found.accounts},
        **{f"alerts.{name}": channel for name, channel in found.alerts.items()},
        "members": dict(found.members),
    }
    return [
        {
            "key": f"{section}.{name}",
            "value": value,
            "shown": _shown(name, value),
            "origin": found.origin(f"{section}.{name}"),
            "about": about(f"{section}.{name}"),
        }
        for section, values in sections.items()
        for name, value in (values.items() if isinstance(values, dict) else asdict(values).items())
    ]


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return str(value).lower()  # as it is written in the file
    if name in MONEY and isinstance(value, int):
        return money(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


@config.command("installation")
@click.argument("choice", type=click.Choice(["keep", "new"]))
@click.pass_obj
def installation(app: App, choice: str) -> None:
    """Resolve a home folder that was copied or restored.

    keep: the original is gone, and this home continues with its instances. new: the original is still in use, and
    this home starts afresh and leaves the original's instances alone.
    """
    answer = daemon_process.run_without_daemon(app, "installation", choice)
    columns = [tables.Column("INSTALLATION", lambda row: row.installation)]
    tables.rows(app, "installations", [answer], columns, name="installation")
    if not app.as_json:
        app.note("This home keeps its installation id." if choice == "keep" else "This home has a new installation id.")
