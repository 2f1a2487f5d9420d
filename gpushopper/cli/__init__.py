"""The entry point `main()` and the table of all commands; each command is imported only when it is called.

Not here: what commands do (`cli/commands/`), and the text of errors (`cli/error_report.py`).
"""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gpushopper import __version__
from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import LazyGroup, with_fields

if TYPE_CHECKING:
    from gpushopper.client import Client
    from gpushopper.paths import Home

COMMANDS = (
    ("Rent", "inventory", "rent.inventory:inventory", "Offers of all clouds, cheapest first."),
    ("Rent", "plan", "rent.plan:plan", "What would be rented, and its max cost."),
    ("Rent", "provision", "rent.provision:provision", "Rent a GPU for a given time."),
    ("Sessions", "ls", "sessions.ls:ls", "Open sessions (short for sessions list)."),
    ("Sessions", "sessions", "sessions.sessions:sessions", "List, show, extend and end sessions."),
    ("Sessions", "get", "sessions.get:get", "Everything about one session."),
    ("Sessions", "wait", "watching.wait:wait", "Wait until a session is ready or gone, or a run has ended."),
    ("Sessions", "top", "watching.top:top", "Watch sessions, money and GPUs; log in, extend or end by a key."),
    ("Sessions", "extend", "sessions.extend:extend", "Give a session more time."),
    ("Sessions", "restart", "sessions.restart:restart", "Restart a session's instance in place."),
    ("Sessions", "set", "sessions.set:set_limits", "Change what ends a session early, and its tags."),
    ("Sessions", "done", "sessions.done:done", "End a session gracefully."),
    ("Sessions", "shutdown", "sessions.shutdown:shutdown", "End sessions and wait until they are off."),
    ("Sessions", "receipt", "sessions.receipt:receipt", "The proof that a session's instance is gone."),
    ("Use", "ssh", "use.ssh:ssh", "Log in to a session's instance, or run a command there."),
    ("Use", "cp", "use.cp:cp", "Copy files to or from a session's instance."),
    ("Use", "pull", "use.pull:pull", "Copy results home, verified, into a new folder."),
    ("Use", "sync", "use.sync:sync", "Copy what has changed, up or down."),
    ("Use", "code", "use.code:code", "Open VS Code on a folder there."),
    ("Use", "jupyter", "use.jupyter:jupyter", "Open Jupyter there, starting it if needed."),
    ("Use", "run", "use.run:run", "Run a command there; it continues when you disconnect."),
    ("Use", "logs", "use.logs:logs", "Output of a run, or of the container."),
    ("Money and safety", "costs", "money_and_safety.costs:costs", "What was spent, and the max cost by the deadlines."),
    ("Money and safety", "budget", "money_and_safety.budget:budget", "Limit what may be spent, and see what is."),
    ("Money and safety", "report", "money_and_safety.report:report", "A session for an appendix, or a month's costs."),
    ("Money and safety", "consumers", "money_and_safety.consumers:consumers", "Whom sessions are charged to."),
    ("Money and safety", "status", "money_and_safety.status:status", "Daemon, clouds, open costs, alarms."),
    ("Money and safety", "why", "money_and_safety.why:why", "What would end a session and when; what ended it."),
    ("Money and safety", "alarms", "money_and_safety.alarms:alarms", "Problems that need your attention."),
    ("Money and safety", "audit", "money_and_safety.audit:audit", "Compare the clouds' lists with our records."),
    ("Money and safety", "watchdog", "money_and_safety.watchdog:watchdog", "End what outlived its hard maximum."),
    ("Money and safety", "custody", "money_and_safety.custody:custody", "What was sent to which host; what to rotate."),
    ("Money and safety", "adopt", "money_and_safety.adopt:adopt", "Make an instance that you name end in time."),
    ("Money and safety", "forget", "money_and_safety.forget:forget", "Give up proving an end that you have checked."),
    ("Money and safety", "events", "money_and_safety.events:events", "What happened, in order."),
    ("Set up", "keys", "set_up.keys:keys", "Store and test API keys and registry logins."),
    ("Set up", "config", "set_up.config:config", "Show and change settings."),
    ("Set up", "notify", "set_up.notify:notify", "Be told elsewhere: webhook, Slack, Discord, ntfy, desktop, command."),
    ("Set up", "ssh-config", "set_up.ssh_config:ssh_config", "Make running sessions known to your own ssh."),
    ("Set up", "daemon", "set_up.daemon:daemon", "Start, stop and watch the daemon."),
    ("Set up", "backup", "upkeep.backup:backup", "Copies of the records; put one back."),
    ("Set up", "doctor", "set_up.doctor:doctor", "Check keys, clouds, daemon, disk, ssh and records."),
    ("Set up", "completion", "completion.completion:completion", "Complete with TAB in bash, zsh and fish."),
    ("Set up", "version", "set_up.version:version", "The versions of this command and of the daemon that runs."),
    ("Set up", "help", "set_up.help:help_command", "Help of a command; exit-codes, environment, formatting, safety."),
    ("Try", "demo", "try_out.demo:demo", "A whole session in the sandbox, in a minute."),
    ("Try", "sandbox", "try_out.sandbox:sandbox", "Simulated clouds on this computer."),
)
"""Section, name, `module:attribute` and help line of every command; `--help` needs no other import."""

EPILOG = "Exit status: 0 done, 1 cancelled or failed, 2 usage, 3 not found, 4 key or configuration, 5 no daemon, \
6 refused by a rule, 7 no offer or no answer of a cloud, 8 accepted but not verified (may still bill), \
9 problems found, 124 not in time (wait), 130 interrupted; \
ssh and run pass on the exit status of the remote command, their own failures are 125."


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="gpu-shopper", message="%(prog)s %(version)s")
def root() -> None:
    """Rent GPUs from several marketplaces, with a guaranteed end.

    Try it without any account: gpu-shopper demo
    """


def main(args: list[str] | None = None) -> int:
    """Run one command and return its exit status; errors become one in `error_report.report`."""
    app = new_app()
    _escape_unencodable_output()
    try:
        words = app.words = _argv_as_utf8() if args is None else args
        outcome = root.main(args=with_fields(words), prog_name="gpu-shopper", standalone_mode=False, obj=app)
        code = outcome if isinstance(outcome, int) else 0
        _finish(app)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one place where errors become an exit status
        from gpushopper.cli.error_report import report

        # An option that cannot be parsed stops the parser before it has seen --json.
        if "--json" in (sys.argv[1:] if args is None else args):
            app.output = "json"
        code = report(app, error)
    return code


def run() -> None:
    """Run one command as this process, and leave with its exit status.

    To take the interpreter apart would cost every command 10 ms, a seventh of a list: where no thread goes on, and so
    nothing is waited for, the kernel does it. Whoever has something to clean up does so before its command returns.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        # There is none, it is closed, or it could not be written to, which `main` has told.
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    if threading.active_count() == 1:
        os._exit(code)
    sys.exit(code)


def new_app() -> App:
    """An App with the default ways to choose a home and to open a client; their modules are imported on first use."""
    return App(_choose_home, _open_client)


def _choose_home(use_sandbox: bool, host: str | None) -> Home:
    from gpushopper.cli.process.homes import choose_home

    return choose_home(use_sandbox, host)


def _open_client(app: App) -> Client:
    from gpushopper.cli.process.daemon_client import open_client

    return open_client(app)


def _argv_as_utf8() -> list[str]:
    """The arguments decoded as UTF-8 under every locale; other bytes become surrogate escapes, so that none is lost."""
    return [os.fsencode(word).decode("utf-8", "surrogateescape") for word in sys.argv[1:]]


def _escape_unencodable_output() -> None:
    """Escape characters that the locale's encoding lacks, instead of failing with UnicodeEncodeError (F111)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _finish(app: App) -> None:
    """Print open alarms after every command that talked to the daemon (I30)."""
    if app.client_if_opened is not None and not app.as_json:
        from gpushopper.cli.output.alarm_reminder import print_open_alarms

        print_open_alarms(app)
