"""`watchdog`: a second watcher, for cron or another computer; exit status 0, 9, 8 or 7 says what it found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural, rate, when
from gpushopper.cli.process import daemon_process
from gpushopper.cli.process.homes import installation_of
from gpushopper.errors import NotVerified, ProblemsFound, ProviderFailed, UsageError

if TYPE_CHECKING:
    from gpushopper.client import JsonObject

_INSTALLATION = re.compile(r"[a-z2-7]{10}")


class Installation(click.ParamType[str]):
    """An installation's id, as labels carry it."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id, or a usage error."""
        text = str(value)
        if not _INSTALLATION.fullmatch(text):
            self.fail("that is no installation id: ten letters and digits, see: gpu-shopper config show", param, ctx)
        return text


@click.command("watchdog", cls=Command)
@click.option(
    "--installation", "installations", multiple=True, type=Installation(), metavar="ID",
    help="Whose instances to watch: see config show there. May be repeated.",
)  # fmt: skip
@click.option(
    "-p", "--provider", "providers", multiple=True, metavar="NAME",
    help="Only this cloud or account; fails if it has no key.",
)  # fmt: skip
@click.option("--key-file", type=click.Path(), metavar="FILE", help="Read keys from here instead of keys.toml.")
@click.option("--dry-run", "--once", "only_looks", is_flag=True, help="One look, and end nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing while there is nothing to do.")
@click.pass_obj
def watchdog(
    app: App,
    installations: tuple[str, ...],
    providers: tuple[str, ...],
    key_file: str | None,
    only_looks: bool,
    quiet: bool,
) -> None:
    """End instances that outlived their hard maximum: a second watcher beside the daemon.

    For cron, or a computer that is always on. It needs no daemon and keeps nothing: it knows an instance by its label,
    which names the installation and the hard maximum. It ends those of the given installations that are half an hour
    past that in two whole lists, ten minutes apart, and verifies the end. It touches nothing else: a label without an
    hour (of a former version), or one that seems to be copied, is only reported.

    Keys come from the environment (VAST_API_KEY) or the key file, never from a keyring. At Vast.ai a key with the
    permissions instance_read and instance_write does; TensorDock has no such keys: this needs your full account key.

    Exit status: 0 nothing to do, 9 ended or reported something, 8 something is overdue and may still bill, 7 a cloud
    could not be seen, 4 no key.
    """
    wanted = _installations(app, installations)
    app.interrupt_hint = "it keeps nothing; run it again"
    notes: list[str] = []
    asked = {
        "installations": wanted,
        "providers": providers,
        "key_file": str(Path(key_file).absolute()) if key_file else "",
        "only_looks": only_looks,
    }
    found = daemon_process.run_long_job(
        app.home, "watchdog", json.dumps(asked), note=notes.append if quiet else app.note
    )
    app.interrupt_hint = ""
    if app.as_json or not quiet or found.unavailable or _overdue(found) or _reported(found):
        _show(app, found)
    _raise_outcome(found, only_looks)


def _installations(app: App, given: tuple[str, ...]) -> list[str]:
    """The ids given.

    Raises:
        UsageError: none; the hint has this home's own, so that it can be copied.
    """
    if given:
        return list(given)
    own = installation_of(app.home)
    hint = f"this home's: gpu-shopper watchdog --installation {own}" if own else "see there: gpu-shopper config show"
    raise UsageError("whose instances? name the installation", hint, code="installation_missing")


def _overdue(found: JsonObject) -> int:
    return sum(row.is_overdue for row in found.rows)


def _reported(found: JsonObject) -> int:
    return sum(row.is_only_reported for row in found.rows)


def _show(app: App, found: JsonObject) -> None:
    now = app.now().wall
    columns = (
        tables.Column("CLOUD", lambda r: r.provider),
        tables.Column("INSTANCE", lambda r: r.instance_id, whole=True),
        tables.Column("STATUS", lambda r: r.status, whole=True),
        tables.Column("$/HR", lambda r: rate(r.rate), right=True),
        tables.Column("HARD MAXIMUM", lambda r: when(r.hard_max_at, now) if r.hard_max_at else "-", whole=True),
        tables.Column("NOTE", lambda r: r.note),
        tables.Column("LABEL", lambda r: r.label, whole=True, wide=True),
    )
    extra = {name: found[name] for name in ("installations", "accounts", "unavailable", "ended", "unverified")}
    tables.rows(app, "instances", found.rows, columns, name="instance_id", **extra)
    if app.as_json:
        return
    if not found.rows and app.output in ("table", "wide"):
        app.note(f"No instance of {' or '.join(found.installations)} at {', '.join(found.accounts) or 'any cloud'}.")
    for name, why in found.unavailable.items():
        app.note(f"{name} could not be seen: {why}")


def _raise_outcome(found: JsonObject, only_looks: bool) -> None:
    """The exit status for cron: what may still bill first, then what was not seen, then what was ended.

    Raises:
        NotVerified, ProviderFailed, ProblemsFound: as the command's help says.
    """
    left = _overdue(found) - found.ended
    if left:
        text = f"{plural(left, 'instance')} past the hard maximum may still bill"
        hint = "run it again without --dry-run" if only_looks else "end it in the cloud's console"
        raise NotVerified(text, hint)
    if found.unavailable:
        text = f"{', '.join(found.unavailable)} could not be seen"
        raise ProviderFailed(text, "nothing there was judged; it is tried again next time", code="could_not_see")
    if found.ended:
        hint = "the computer that rented it did not end it; see there: gpu-shopper status"
        raise ProblemsFound(f"{plural(found.ended, 'instance')} past the hard maximum: ended", hint, code="ended")
    if reported := _reported(found):
        text = f"{plural(reported, 'instance')} can only be reported: nothing ends {'it' if reported == 1 else 'them'}"
        hint = "look at each in the cloud's console, and end there what nobody needs"
        raise ProblemsFound(text, hint, code="reported")
