"""The one place where errors are shown, and where they become an exit status."""

from __future__ import annotations

import errno
import json
import os
import sys
from contextlib import suppress

import click

from gpushopper.cli.app import SCHEMA, App
from gpushopper.cli.input.command_classes import ReaderGone
from gpushopper.cli.input.prompts import Declined
from gpushopper.cli.terminal_text import clean
from gpushopper.errors import DiskFull, Misconfigured, ShopperError, UsageError

INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT)


def report(app: App, error: BaseException) -> int:
    """Print what happened in one line and what to do in a second; return the exit status."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case BrokenPipeError() | ReaderGone():
            _forget_readers()
            return 0
        case Declined():
            _show(app, ShopperError("you said no: nothing was done", code="declined"), INTERRUPTED)
            return INTERRUPTED
        case click.Abort() | KeyboardInterrupt() | EOFError():
            _show(app, ShopperError("interrupted", app.goes_on, code="interrupted"), INTERRUPTED)
            return INTERRUPTED
        case ShopperError():
            _show(app, error, error.exit_code)
            _alarms_after(app, error)
            return error.exit_code
        case OSError() if (known := _of_the_system(error)) is not None:
            _show(app, known, known.exit_code)
            return known.exit_code
        case click.exceptions.NoArgsIsHelpError():
            print(error.format_message(), file=sys.stderr)
            return 2
        case click.ClickException():
            _show(app, _usage(error), 2)
            return 2
    return _unexpected(app, error)


def _forget_readers() -> None:
    """The reader has seen enough; the interpreter must not find the pipe again when it flushes."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or no file at all
            os.dup2(nowhere, stream.fileno())


def _of_the_system(error: OSError) -> ShopperError | None:
    """A file that the system does not let us use, or no space for one: words instead of a trace."""
    if error.filename is None or error.errno is None:
        # A write names no file: it may have been to our own standard output.
        return DiskFull("the disk or quota is full", "free space") if error.errno in FULL else None
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        text = f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}"
        return Misconfigured(text, "look at it: ls -l; or set GPU_SHOPPER_HOME to a folder of yours")
    if error.errno in FULL:
        return DiskFull(f"the disk or quota is full: {os.fsdecode(error.filename)} could not be written", "free space")
    return None


def _usage(error: click.ClickException) -> UsageError:
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    command = ctx.command_path if ctx else "gpu-shopper"
    return UsageError(error.format_message().rstrip("."), f"see: {command} --help")


def _unexpected(app: App, error: BaseException) -> int:
    if os.environ.get("GPU_SHOPPER_DEBUG"):
        raise error
    try:
        log = f"see {app.home.log}; "
    except ShopperError:
        log = ""
    _show(
        app,
        ShopperError(f"unexpected {type(error).__name__}: {error}", f"{log}the whole trace: set GPU_SHOPPER_DEBUG=1"),
        1,
    )
    return 1


def _show(app: App, error: ShopperError, exit_code: int) -> None:
    """Print an error; where nobody reads it any more, its status still says it."""
    try:
        _print(app, error, exit_code)
    except BrokenPipeError:
        _forget_readers()


def _print(app: App, error: ShopperError, exit_code: int) -> None:
    message, hint = app.to_paste(error.message), app.to_paste(error.hint)
    if app.as_json:
        body = {"code": error.code, "message": message, "hint": hint, "exit": exit_code}
        print(json.dumps({"schema": SCHEMA, "error": body}), file=sys.stderr)
        return
    word = "error: " if exit_code != INTERRUPTED else ""
    if app.has_color(sys.stderr) and word:
        word = f"\x1b[31m{word}\x1b[0m"
    print(f"{word}{clean(message)}", file=sys.stderr)
    if hint:
        print(f"  {clean(hint)}", file=sys.stderr)


def _alarms_after(app: App, error: ShopperError) -> None:
    """Alarms are shown on every command (I30), failed ones included, unless the daemon is what failed."""
    if app.opened is None or error.exit_code == 5:
        return
    from gpushopper.cli.output.alarm_reminder import remind

    remind(app)
