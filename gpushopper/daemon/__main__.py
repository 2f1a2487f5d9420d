"""`python -m gpushopper.daemon run | detached --ready-fd N | once JOB`: the daemon as a process (architecture 1)."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from gpushopper import __version__
from gpushopper.daemon.one_shot import JOBS, run_once
from gpushopper.daemon.run import Daemon
from gpushopper.daemon.stop_signal import StopSignal
from gpushopper.errors import ShopperError
from gpushopper.paths import Home, find_home

Report = Callable[[dict[str, Any]], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the three; the exit status as in errors.py."""
    parser = argparse.ArgumentParser(prog="python -m gpushopper.daemon")
    ways = parser.add_subparsers(dest="way", required=True)
    ways.add_parser("run", help="in the foreground")
    detached = ways.add_parser("detached", help="silent; tells the start or its error as one JSON line")
    detached.add_argument("--ready-fd", type=int, default=-1, help="open file to write that line to")
    once = ways.add_parser("once", help="one job, its answer as one JSON line on stdout")
    once.add_argument("job", choices=sorted(JOBS))
    once.add_argument("arguments", nargs="*")
    asked = parser.parse_args(argv)
    if asked.way == "once":
        return run_once(asked.job, asked.arguments)
    home = find_home()
    if asked.way == "run":
        return _serve(home, _say, lambda report: _greet(home, report))
    return _serve(home, lambda text: None, lambda report: _tell(asked.ready_fd, report))


def _serve(home: Home, say: Callable[[str], None], report: Report) -> int:
    stop = StopSignal()
    stop.watch_signals()
    daemon = Daemon(home, stop, say)
    is_ready = {"ok": True, "pid": os.getpid(), "version": __version__, "home": str(home.data)}
    try:
        return daemon.run(lambda: report(is_ready))
    except ShopperError as error:
        # Before the log is open its lines would go to stdout, which is for answers.
        if structlog.is_configured():
            structlog.get_logger(__name__).error("cannot run", code=error.code, text=error.message)
        report(describe(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last frame: the traceback goes to the log, one line to the person
        structlog.get_logger(__name__).error("unexpected error", exc_info=error)
        report(describe(ShopperError(f"unexpected error: {error}", f"see: {home.log}", code="internal")))
        return 1


def describe(error: ShopperError) -> dict[str, Any]:
    """An error as the JSON line carries it."""
    fields = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit_code}
    return {"ok": False, "error": fields}


def _greet(home: Home, report: dict[str, Any]) -> None:
    """The foreground's start line, or its error."""
    if report["ok"]:
        _say(f"gpu-shopper {__version__} is watching {home.data} (pid {os.getpid()}); Ctrl-C stops it and ends nothing")
        return
    _say(f"error: {report['error']['message']}")
    if report["error"]["hint"]:
        _say(f"hint: {report['error']['hint']}")


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        return  # the terminal is gone; the log has it


def _tell(file: int, report: dict[str, Any]) -> None:
    """One JSON line to whoever started us, who may have gone already."""
    if file < 0:
        return
    try:
        os.write(file, json.dumps(report).encode() + b"\n")
        os.close(file)
    except OSError:
        return


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # Not sys.exit: that would wait for provider calls that hang. Everything durable is durable already (I19).
    os._exit(code)
