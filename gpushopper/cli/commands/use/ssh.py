"""`ssh`: log in to a session's instance, or run one command there; the process becomes OpenSSH (exec)."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.exit_passthrough import ExitPassthroughCommand, remote_command
from gpushopper.cli.input.forwards import Forward, ForwardOption
from gpushopper.cli.output import tables
from gpushopper.cli.remote import ssh_connection
from gpushopper.errors import ShopperError, UsageError


@click.command("ssh", cls=ExitPassthroughCommand)
@click.argument("name", required=False)
@click.option(
    "-L", "--port", "local", multiple=True, type=ForwardOption("-L"), metavar="PORT[:PORT]",
    help="Make a port there reachable here, or as ssh -L.",
)  # fmt: skip
@click.option(
    "-R", "remote", multiple=True, type=ForwardOption("-R"), metavar="PORT:PORT",
    help="Make a port here reachable there, or as ssh -R.",
)  # fmt: skip
@click.option("-N", "--no-shell", is_flag=True, help="Only forward ports.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@click.option("--print", "only_print", is_flag=True, help="Print the ssh command line, and do nothing.")
@click.pass_obj
def ssh(
    app: App,
    name: str | None,
    local: tuple[Forward, ...],
    remote: tuple[Forward, ...],
    no_shell: bool,
    tty: bool,
    only_print: bool,
) -> None:
    """Log in to a session's instance, or run a command there.

    -L 8888 forwards port 8888 here to port 8888 there, -L 8080:80 port 8080 here to port 80 there; -R the other way
    round. Both also take ssh's own form: [BIND:]PORT:HOST:PORT, or paths of sockets. Without BIND only this computer,
    or the instance itself, can use it. What is forwarded is printed.

    The exit status is the remote command's; 255 means ssh lost the connection, 125 a failure before that.
    """
    command = remote_command()
    forwards = (*local, *remote)
    if no_shell and (command or not forwards):
        raise UsageError("--no-shell is for -L and -R alone", "leave the command out, or name a port")
    found = ssh_connection.find(app, name)
    flags = [forward.flag for forward in forwards]
    flags += ["-o", "ExitOnForwardFailure=yes"] if forwards else []
    flags += ["-N"] if no_shell else []
    flags += ["-tt"] if tty else []
    argv = ssh_connection.ssh_argv(found, command, flags=flags)
    if only_print:
        tables.answer(app, shlex.join(argv), argv=argv)
        return
    for forward in forwards:
        app.note(forward.text(found.name))
    if not command and not no_shell and app.is_interactive():
        _print_banner(app, found.session)
    if not app.as_json:
        from gpushopper.cli.output.alarm_reminder import print_open_alarms

        print_open_alarms(app)  # the process becomes ssh: nothing runs after it
    _become(argv)


def _print_banner(app: App, session: str) -> None:
    """Time and money left, for a person who logs in; never for a script."""
    from gpushopper.cli.output.session_views import login_banner

    with suppress(ShopperError):  # the login matters more
        for line in login_banner(app.client.session(session), app.now().wall).splitlines():
            app.note(line)


def _become(argv: list[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, ssh_connection.environment())
    except FileNotFoundError as error:
        raise ssh_connection.program_missing("ssh") from error
