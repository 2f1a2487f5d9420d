"""`sandbox`: start, control and stop the simulated clouds. Its verbs and their JSON only gain fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural
from gpushopper.cli.process import daemon_process, sandbox_process
from gpushopper.errors import UsageError
from gpushopper.paths import Home

if TYPE_CHECKING:
    from gpushopper.client import JsonObject

CALLS = (
    "search", "create", "list", "get", "destroy", "label", "account", "logs", "log_file", "charges", "any", "host",
)  # fmt: skip


def sandbox_home(app: App) -> Home:
    """The sandbox's home, whether or not `--sandbox` was given too."""
    app.use_sandbox = True
    return app.home


@click.group(cls=Group)
def sandbox() -> None:
    """Simulated clouds on this computer.

    Any command uses them with --sandbox: gpu-shopper --sandbox inventory
    """


@sandbox.command("start")
@click.option("--paper", "kind", flag_value="paper", help="Simulated instances: state only (default).")
@click.option("--live", "kind", flag_value="live", help="Live instances: contained on this computer.")
@click.option("--seed", type=int, metavar="N", help="Another sandbox with other prices.")
@click.option("--rate-gaps", type=click.Choice(["on", "off"]), help="Enforce the clouds' rate limits.")
@click.option("--clouds", metavar="A,B", help="Serve these clouds only (default: all).")
@click.option("--fresh", is_flag=True, help="Move the old sandbox aside and start anew.")
@click.pass_obj
def start(app: App, kind: str | None, seed: int | None, rate_gaps: str | None, clouds: str | None, fresh: bool) -> None:
    """Start the sandbox; exits 0 when all its clouds answer."""
    home = sandbox_home(app)
    if fresh:
        _set_aside(app, home)
    words = [f"--{kind}"] if kind is not None else []
    words += [*(["--seed", str(seed)] if seed is not None else []), *(["--rate-gaps", rate_gaps] if rate_gaps else [])]
    words += ["--clouds", clouds] if clouds is not None else []
    status = sandbox_process.running_status(home)
    was_up = status is not None
    if status is None:
        status = sandbox_process.start(home, words, app.note)
    elif words not in ([], [f"--{status.instances_are}"]):
        raise UsageError("the sandbox runs already, with its own settings", "stop it first: gpu-shopper sandbox stop")
    if app.as_json:
        tables.raw_document(app, _plain(status))
        return
    clouds = ", ".join(f"{name} at {dialect.url}" for name, dialect in status.dialects.items())
    kind = status.instances_are
    word = "already running" if was_up else "started"
    tables.sentences([f"{word}: {clouds} ({kind} instances, seed {status.seed})"])


def _set_aside(app: App, home: Home) -> None:
    daemon_process.stop(app)
    sandbox_process.stop(home)
    if home.data.exists():
        number = 1
        while (aside := home.data.with_name(f"{home.data.name}.old-{number}")).exists():
            number += 1
        home.data.rename(aside)
        app.note(f"the old sandbox is in {aside}")


def _answer(app: App, found: JsonObject, text: str) -> None:
    """Print an answer of the control surface as JSON, or as a text."""
    if app.as_json:
        tables.raw_document(app, found)
    else:
        tables.out(text)


def _plain(status: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in status.items() if name != "ready"}


@sandbox.command("status")
@click.pass_obj
def status(app: App) -> None:
    """Show the clouds' addresses and the sandbox's time."""
    found = sandbox_process.call_control_api(sandbox_home(app), "GET", "/status")
    if app.as_json:
        tables.raw_document(app, found)
        return
    tables.facts(
        [
            ("sandbox", f"process {found.pid}, seed {found.seed}, {found.instances_are} instances"),
            ("home", found.home),
            ("time there", found.now),
            ("rate gaps", found.rate_gaps),
            ("private images", f"{found.registry.image}, for {found.registry.user}; token: status --json"),
            *((name, dialect.url) for name, dialect in found.dialects.items()),
        ]
    )
    for one in found.live:
        tables.sentences(["", f"instance {one.id}:", f"  ssh -p {one.ssh.port} {one.ssh.user}@{one.ssh.host}"])


@sandbox.command("ledger")
@click.pass_obj
def ledger(app: App) -> None:
    """Show the sandbox's own ledger, which the receipts must match."""
    found = sandbox_process.read_ledger(sandbox_home(app))
    if app.output == "json":
        tables.raw_document(app, found)
        return
    columns = [
        tables.Column("ID", lambda i: i.id),
        tables.Column("CLOUD", lambda i: i.provider, whole=True, spare=3),
        tables.Column("STATE", lambda i: i.state, whole=True),
        tables.Column("GPU s", lambda i: i.gpu_seconds, right=True, spare=2),
        tables.Column("DISK s", lambda i: i.storage_seconds, right=True, spare=1),
        tables.Column("BILLED", lambda i: f"${i.usd}", right=True),
        tables.Column("ENDED BY", lambda i: i.ended_by or "-", whole=True),
        tables.Column("WHOSE", lambda i: "foreign" if i.foreign else "ours", whole=True),
        tables.Column("LABEL", lambda i: i.label or "-", whole=True, wide=True),
    ]
    tables.rows(app, "instances", found.instances, columns, name="id")
    if app.output in ("table", "wide"):
        app.note(f"{plural(len(found.creates), 'create')}, {plural(len(found.destroys), 'destroy')}")


@sandbox.command("launch")
@click.argument("provider", metavar="CLOUD")
@click.option("--label", metavar="TEXT", help="Its label.")
@click.pass_obj
def launch_foreign(app: App, provider: str, label: str | None) -> None:
    """Start a foreign instance on the same account."""
    body = {"provider": provider, **({"label": label} if label is not None else {})}
    found = sandbox_process.call_control_api(sandbox_home(app), "POST", "/launch", body)
    _answer(app, found, str(found.id))


@sandbox.command("advance")
@click.argument("span", type=SPAN)
@click.pass_obj
def advance(app: App, span: int) -> None:
    """Move the sandbox's clock forward; to the daemon it looks like sleep."""
    found = sandbox_process.call_control_api(sandbox_home(app), "POST", "/advance", {"by": f"{span // 1_000_000}s"})
    _answer(app, found, f"it is now {found.now} there")


@sandbox.command("revise", context_settings={"ignore_unknown_options": True})
@click.argument("instance")
@click.argument("action")
@click.argument("value", required=False)
@click.pass_obj
def revise(app: App, instance: str, action: str, value: str | None) -> None:
    """Change an instance as its host or its operator would.

    \b
    destroy host_destroy stop start outbid   state of the instance
    offline_host [10m]  online_host  reboot_host
    contract_end 1h     price_factor 1.4     reclaim_gpus
    gpu_load 80         gpu_claim count=1,disk=12,name=...   what a live instance reports
    """
    body = {"instance": instance, "action": action, **({"value": value} if value is not None else {})}
    found = sandbox_process.call_control_api(sandbox_home(app), "POST", "/revise", body)
    _answer(app, found, f"{found.id} is {found.state}")


@sandbox.command("stop")
@click.pass_obj
def stop(app: App) -> None:
    """Stop the sandbox and its daemon; both continue from their files at the next start.

    Live instances stop with the sandbox. Those that ran are started again with it, on their disks, as after a restart
    of their hosts; the sandbox bills them for the time in between.
    """
    home = sandbox_home(app)
    was_up = False
    try:
        daemon_was_up = daemon_process.stop(app)
    finally:  # stop the sandbox even if its daemon did not stop in time
        was_up = sandbox_process.stop(home)
    if app.as_json:
        tables.document(app, running=False, was_running=was_up, daemon_was_running=daemon_was_up)
    else:
        tables.out("stopped" if was_up else "it was not running")


@sandbox.group("fault", cls=Group, default="list")
def fault() -> None:
    """Inject faults into the simulated clouds."""


@fault.command("add", context_settings={"ignore_unknown_options": True})  # clock_skew -1d
@click.argument("provider", metavar="CLOUD")
@click.argument("call", type=click.Choice(CALLS), metavar="CALL")
@click.argument("word")
@click.argument("arg", required=False)
@click.option("--count", type=click.IntRange(1), metavar="N", help="Act N times.")
@click.option("--for", "span", metavar="SPAN", help="Act for this long.")
@click.option("--instance", metavar="ID", help="Only for this instance.")
@click.option("--chance", type=click.IntRange(1, 100), metavar="PERCENT", help="Act on this share of the calls.")
@click.pass_obj
def add_fault(app: App, /, **given: object) -> None:
    """Add a fault to a cloud's calls.

    For instance: sandbox fault add vast create commit_then_hang

    CALL is search, create, list, get, destroy, label, account, logs, log_file, charges, any, or host for what happens
    to a live instance's host. For each WORD, its calls and its argument: sandbox fault words
    """
    given["for"] = given.pop("span")
    body = {name: value for name, value in given.items() if value is not None}
    found = sandbox_process.call_control_api(sandbox_home(app), "POST", "/faults", body)
    _answer(app, found, f"{found.fault.id}  {found.fault.line}")


@fault.command("list")
@click.pass_obj
def list_faults(app: App) -> None:
    """List the faults, and how often each acted."""
    found = sandbox_process.call_control_api(sandbox_home(app), "GET", "/faults")
    if app.output == "json":
        tables.raw_document(app, found)
        return
    columns = [
        tables.Column("ID", lambda f: f.id),
        tables.Column("FAULT", lambda f: f.line),
        tables.Column("ACTED", lambda f: f.acted, right=True),
        tables.Column("ACTIVE", lambda f: "yes" if f.active else "no"),
    ]
    tables.rows(app, "faults", found.faults, columns, name="id")
    if not found.faults and not app.as_json:
        app.note("No faults.")


@fault.command("words")
@click.pass_obj
def list_words(app: App) -> None:
    """List the words of faults, the calls they act on, and their arguments."""
    found = sandbox_process.call_control_api(sandbox_home(app), "GET", "/words")
    if app.output == "json":
        tables.raw_document(app, found)
        return
    columns = [
        tables.Column("WORD", lambda w: w.word),
        tables.Column("CALLS", lambda w: ", ".join(w.calls), whole=True),
        tables.Column("ARGUMENT", lambda w: w.argument or "-", spare=2),
        tables.Column("NOT AT", lambda w: ", ".join(w.without) or "-", whole=True, spare=1),
    ]
    tables.rows(app, "words", found.words, columns, name="word")


@fault.command("clear")
@click.argument("fault_id", required=False)
@click.pass_obj
def clear_faults(app: App, fault_id: str | None) -> None:
    """Remove one fault, or all."""
    if fault_id is not None and not re.fullmatch(r"[\w.-]+", fault_id):
        raise UsageError(f"{fault_id} is not the ID of a fault")
    path = f"/faults/{fault_id}" if fault_id else "/faults"
    found = sandbox_process.call_control_api(sandbox_home(app), "DELETE", path)
    _answer(app, found, f"{found.cleared} cleared")
