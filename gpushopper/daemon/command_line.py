"""The arguments of `python -m gpushopper.daemon run | detached --ready-fd N | once JOB`, and its exit status."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from gpushopper import __version__
from gpushopper.daemon.one_shot import JOBS, run_once
from gpushopper.daemon.stop_signal import StopSignal
from gpushopper.errors import ShopperError
from gpushopper.paths import Home, find_home

Report = Callable[[dict[str, Any]], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon in the foreground or detached, or one job; returns the exit status of errors.py."""
    parser = argparse.ArgumentParser(prog="python -m gpushopper.daemon")
    modes = parser.add_subparsers(dest="mode", required=True)
    modes.add_parser("run", help="in the foreground")
    detached = modes.add_parser("detached", help="silent; reports the start or its error as one JSON line")
    detached.add_argument("--ready-fd", type=int, default=-1, help="open file to write that line to")
    once = modes.add_parser("once", help="one job, its answer as one JSON line on stdout")
    once.add_argument("job", choices=sorted(JOBS))
    once.add_argument("arguments", nargs="*")
    options = parser.parse_args(argv)
    if options.mode == "once":
        return run_once(options.job, options.arguments)
    home = find_home()
    if options.mode == "run":
        terminal = _print_line if sys.stderr is not None and sys.stderr.isatty() else None
        return _serve(home, _print_line, lambda report: _print_start(home, report), terminal)
    return _serve(home, lambda text: None, lambda report: _write_report(options.ready_fd, report))


def _serve(
    home: Home, print_line: Callable[[str], None], report: Report, terminal: Callable[[str], None] | None = None
) -> int:
    """Run the daemon until it stops; `report` gets its start, or the error that prevented it, `terminal` its log."""
    from gpushopper.daemon.run import Daemon  # late: jobs do without the API's server

    stop = StopSignal()
    stop.watch_signals()
    daemon = Daemon(home, stop, print_line, terminal)
    started = {"ok": True, "pid": os.getpid(), "version": __version__, "home": str(home.data)}
    try:
        return daemon.run(lambda: report(started))
    except ShopperError as error:
        # Before the log is open its lines would go to stdout, which is for results.
        if structlog.is_configured():
            structlog.get_logger(__name__).error("cannot run", code=error.code, text=error.message)
        report(describe(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - outermost frame: traceback to the log, one line to the user
        structlog.get_logger(__name__).error("unexpected error", exc_info=error)
        report(describe(ShopperError(f"unexpected error: {error}", f"see: {home.log}", code="internal")))
        return 1


def describe(error: ShopperError) -> dict[str, Any]:
    """An error as the fields of the JSON line."""
    fields = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit_code}
    return {"ok": False, "error": fields}


def _print_start(home: Home, report: dict[str, Any]) -> None:
    """In the foreground: print the start line, or the error and its hint."""
    if report["ok"]:
        text = f"gpu-shopper {__version__} is watching {home.data} (pid {os.getpid()})"
        _print_line(f"{text}; Ctrl-C stops it and ends nothing")
        return
    _print_line(f"error: {report['error']['message']}")
    if report["error"]["hint"]:
        _print_line(f"  {report['error']['hint']}")


def _print_line(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        return  # the terminal is gone; the log has the same text


def _write_report(file: int, report: dict[str, Any]) -> None:
    """Write one JSON line for the process that started us; it may have ended already."""
    if file < 0:
        return
    try:
        os.write(file, json.dumps(report).encode() + b"\n")
        os.close(file)
    except OSError:
        return
