"""`ssh`: log in to a session's instance, or run one command there; the process becomes OpenSSH (exec)."""

from __future__ import annotations

import os
import re
import shlex
import sys

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.exit_passthrough import ExitPassthroughCommand, remote_command
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.remote import ssh_connection
from gpushopper.errors import UsageError

_PORTS = re.compile(r"(\d{1,5})(?::(\d{1,5}))?")


class Ports(click.ParamType[str]):
    """`8888`, or `8080:80`: the port here, then the port there."""

    name = "ports"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The argument of ssh's -L; it listens on the loopback address only."""
        found = _PORTS.fullmatch(str(value))
        here, there = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not (0 < here < 65536 and 0 < there < 65536):
            self.fail(f"{value!r} is neither a port such as 8888 nor a pair such as 8080:80", param, ctx)
        return f"127.0.0.1:{here}:127.0.0.1:{there}"


@click.command("ssh", cls=ExitPassthroughCommand)
@click.argument("name", required=False)
@click.option("-L", "--port", "forwards", multiple=True, type=Ports(), metavar="PORT[:PORT]", help="Forward a port.")
@click.option("-N", "--no-shell", is_flag=True, help="Only forward ports.")
@click.option("-t", "--tty", is_flag=True, help="Give the command a terminal.")
@click.option("--print", "only_print", is_flag=True, help="Print the ssh command line, and do nothing.")
@click.pass_obj
def ssh(app: App, name: str | None, forwards: tuple[str, ...], no_shell: bool, tty: bool, only_print: bool) -> None:
    """Log in to a session's instance, or run a command there.

    The exit status is the remote command's; 255 means ssh lost the connection, 125 a failure before that.
    """
    command = remote_command()
    if no_shell and (command or not forwards):
        raise UsageError("--no-shell is for --port alone", "leave the command out, or name a port")
    found = ssh_connection.find(app, name)
    flags = [f"-L{forward}" for forward in forwards]
    flags += ["-o", "ExitOnForwardFailure=yes"] if forwards else []
    flags += ["-N"] if no_shell else []
    flags += ["-tt"] if tty else []
    argv = ssh_connection.ssh_argv(found, command, flags=flags)
    if only_print:
        tables.out(json_output.document(argv=argv) if app.as_json else shlex.join(argv))
        return
    if not app.as_json:
        from gpushopper.cli.output.alarm_reminder import print_open_alarms

        print_open_alarms(app)  # the process becomes ssh: nothing runs after it
    _become(argv)


def _become(argv: list[str]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], argv, ssh_connection.environment())
    except FileNotFoundError as error:
        raise ssh_connection.program_missing("ssh") from error
