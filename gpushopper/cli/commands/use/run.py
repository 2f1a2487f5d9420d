"""`run`: run a command on a session's instance; it continues when the connection is lost. `run ls`, `run stop`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.commands.use import run_ending
from gpushopper.cli.input.command_classes import add_options, load
from gpushopper.cli.input.durations import SPAN
from gpushopper.cli.input.env_file import read_env_files
from gpushopper.cli.input.exit_passthrough import ExitPassthroughCommand, remote_command
from gpushopper.cli.input.options import VARIABLES
from gpushopper.cli.output import tables
from gpushopper.cli.remote import follow_run, runs, ssh_connection
from gpushopper.cli.remote.sent_record import record_variables
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

VERBS = {"ls": "use.run_verbs:list_runs", "stop": "use.run_verbs:stop"}
_FLAGS = frozenset(("--json", "--sandbox"))
"""Options of every command that may stand before a verb."""


class RunCommand(ExitPassthroughCommand):
    """`run NAME -- COMMAND`, and without a `--` the verbs `run ls` and `run stop`: also with a session of that name."""

    verbs = VERBS

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        place = next((place for place, word in enumerate(args) if word not in _FLAGS), len(args))
        verb = None if "--" in args or place == len(args) else load_verb(args[place])
        if verb is not None:
            rest = args[:place] + args[place + 1 :]
            return verb.make_context(f"{info_name} {args[place]}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a value, `--rm` must not take the session's name for one."""
        cut = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, ["--rm=always" if word == "--rm" else word for word in args[:cut]] + args[cut:])


def load_verb(word: str) -> click.Command | None:
    """The verb's command; None for any other word."""
    return load(VERBS[word]) if word in VERBS else None


@click.command("run", cls=RunCommand)
@click.argument("name", required=False)
@click.option(
    "--rm", "mode", type=click.Choice(["always", "success"]), metavar="[=success]",
    help="End the session after the command; =success: keep it a while after one that failed.",
)  # fmt: skip
@click.option("--hold", type=SPAN, metavar="SPAN", help="With --rm: keep it this long after the command.")
@click.option("-d", "--detach", is_flag=True, help="Start it, print its id, and return.")
@add_options(VARIABLES)
@click.pass_obj
def run(
    app: App, name: str | None, mode: str | None, hold: int | None, detach: bool, plain: tuple[str, ...],
    secret: tuple[str, ...], env_files: tuple[str, ...],
) -> int:  # fmt: skip
    """Run a command on a session's instance; it continues when the connection is lost or this command ends.

    The exit status is the remote command's; 125 means a failure on this side. The remote command gets no input; for
    that use gpu-shopper ssh.

    With --rm the instance ends itself after the command, whether or not this command or this computer still runs. The
    end waits for other runs that are still going.

    run ls NAME lists the runs of a session, run stop NAME RUN stops one.
    """
    command = remote_command()
    if not command:
        raise UsageError("which command?", "gpu-shopper run NAME -- python train.py")
    if hold is not None and mode is None:
        raise UsageError("--hold is for --rm", "add --rm, or leave it out")
    variables = read_env_files(env_files, os.environ) | runs.variables(plain, secret, os.environ)
    found = ssh_connection.find(app, name)
    ending = None if mode is None else run_ending.choose(app, found, mode, hold or 0, detach=detach)
    work = runs.new_id()
    failed = start(app, found, work, ssh_connection.shell_line(command)[0], variables, ending, detach=detach)
    app.interrupt_hint = f"the run {work} continues on {found.name}; see: gpu-shopper logs {found.name} {work} -f"
    if detach:
        return _report_detached(app, found, work, failed)
    if ending is not None and ending.by == "client":
        app.interrupt_hint += f"; it will not end {found.name} any more: gpu-shopper shutdown {found.name}"
    elif ending is not None:
        app.interrupt_hint += f"; {found.name} ends after it"
    status = _follow(app, found, work)
    if status is None:
        # Followed to its end, a run has a status. Without one the command may still run: do not end the session.
        raise ShopperError(f"{found.name} did not report how the run ended", app.interrupt_hint, code="no_status")
    app.interrupt_hint = ""
    if ending is not None:
        run_ending.finish(app, ending, status)
    return status


def start(
    app: App, found: ConnectionView, work: str, line: str, variables: dict[str, str],
    ending: run_ending.Ending | None, *, detach: bool,
) -> int | None:  # fmt: skip
    """Start the run; what allows it to end the session is recorded before, and withdrawn where it was not started."""
    record_variables(app, found, work, variables)
    app.interrupt_hint = f"the run {work} may have started on {found.name}; see: gpu-shopper run ls {found.name}"
    if ending is not None:
        run_ending.allow(app, ending, work)
    try:
        return runs.start(found, work, line, variables, followed=not detach, ends=ending.line if ending else "")
    except ShopperError as error:
        if ending is not None and error.code == runs.NOT_STARTED:
            run_ending.withdraw(app, ending, work)
        raise


def _follow(app: App, found: ConnectionView, work: str) -> int | None:
    """Follow the run to its end; where its session has ended meanwhile, its status is what was kept here of it.

    Raises:
        ShopperError: as `follow_run.follow`; also where nothing is kept.
    """
    try:
        return follow_run.follow(app, found, work, follow_run.to_stdout_and_stderr(), until_end=True).status
    except ShopperError as error:
        status = run_ending.kept_status(app, found.session, work) if error.code == "ending" else None
        if status is None:
            raise
        app.note(f"{error.message}; the rest of the output: gpu-shopper logs {found.name} {work}")
        return status


def _report_detached(app: App, found: ConnectionView, work: str, failed: int | None) -> int:
    tables.answer(app, work, session=found.name, run=work)
    if failed is not None:
        app.note(f"the command could not be run: it ended at once with status {failed}")
    app.note(f"its output: gpu-shopper logs {found.name} {work} -f")
    return failed or 0
