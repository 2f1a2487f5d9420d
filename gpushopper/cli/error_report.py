"""Turn every exception, Ctrl-C and a closed output pipe into a message and an exit status; ours are in `errors.py`."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress

import click

from gpushopper.cli.app import SCHEMA, App
from gpushopper.cli.input.command_classes import OutputPipeClosed
from gpushopper.cli.input.prompts import Declined
from gpushopper.cli.terminal_text import clean, in_color, in_our_form
from gpushopper.errors import DiskFull, Misconfigured, ShopperError, UsageError

INTERRUPTED = 130
DECLINED = 1
DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)


def report(app: App, error: BaseException) -> int:
    """Print the message on one line and the hint on a second; return the exit status."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case BrokenPipeError() | OutputPipeClosed():
            _silence_output()
            return 0
        case Declined():
            _show(app, ShopperError(f"Cancelled. {error.outcome}", code="declined"), DECLINED)
            return DECLINED
        case click.Abort() | KeyboardInterrupt() | EOFError():
            _show(app, ShopperError("interrupted", app.interrupt_hint, code="interrupted"), INTERRUPTED)
            return INTERRUPTED
        case ShopperError():
            _show(app, error, error.exit_code)
            _alarms_after(app, error)
            return error.exit_code
        case OSError() if (known := _from_os_error(error)) is not None:
            _show(app, known, known.exit_code)
            return known.exit_code
        case click.exceptions.NoArgsIsHelpError():
            print(error.format_message(), file=sys.stderr)
            return 2
        case click.ClickException():
            _show(app, _usage(error), 2)
            return 2
    return _unexpected(app, error)


def _silence_output() -> None:
    """Point stdout and stderr at /dev/null: the pipe is closed, and the interpreter's last flush would fail on it."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or no file at all
            os.dup2(devnull, stream.fileno())


def _from_os_error(error: OSError) -> ShopperError | None:
    """The error for a full disk or an unusable file; None for any other OSError."""
    if error.filename is None or error.errno is None:
        # A failed write names no file; it may have been to our own standard output.
        return DiskFull("the disk or quota is full", "free space") if error.errno in DISK_FULL_ERRNOS else None
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        text = f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}"
        return Misconfigured(text, "check its permissions with ls -l, or set GPU_SHOPPER_HOME to another folder")
    if error.errno in DISK_FULL_ERRNOS:
        return DiskFull(f"the disk or quota is full: {os.fsdecode(error.filename)} could not be written", "free space")
    return None


def _usage(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    command = ctx.command_path if ctx else "gpu-shopper"
    return UsageError(in_our_form(error.format_message()), f"see: {command} --help")


def _unexpected(app: App, error: BaseException) -> int:
    if os.environ.get("GPU_SHOPPER_DEBUG"):
        raise error
    try:
        log = f"see {app.home.log}; "
    except ShopperError:
        log = ""
    _show(
        app,
        ShopperError(f"unexpected {type(error).__name__}: {error}", f"{log}for a traceback set GPU_SHOPPER_DEBUG=1"),
        1,
    )
    return 1


def _show(app: App, error: ShopperError, exit_code: int) -> None:
    """Print an error; if stderr is closed, only the exit status remains."""
    try:
        _print(app, error, exit_code)
    except BrokenPipeError:
        _silence_output()


def _print(app: App, error: ShopperError, exit_code: int) -> None:
    message, hint = app.with_sandbox_flag(error.message), app.with_sandbox_flag(error.hint)
    if app.as_json:
        body = {"code": error.code, "message": message, "hint": hint, "exit": exit_code}
        print(json.dumps({"schema": SCHEMA, "error": body}), file=sys.stderr)
        return
    word = "" if error.code in ("declined", "interrupted") else "error: "
    first, *others = app.lines(f"{word}{clean(message)}", sys.stderr)
    if app.has_color(sys.stderr) and word:
        first = in_color(first, word)
    print(first, *others, sep="\n", file=sys.stderr)
    for line in app.lines(clean(hint), sys.stderr, indent=2) if hint else ():
        print(f"  {line}", file=sys.stderr)


def _alarms_after(app: App, error: ShopperError) -> None:
    """Print open alarms after a failed command too (I30), unless the daemon itself was unreachable."""
    if app.client_if_opened is None or error.exit_code == 5:
        return
    from gpushopper.cli.output.alarm_reminder import print_open_alarms

    print_open_alarms(app)
