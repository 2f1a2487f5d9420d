"""What the quick commands import: beside click nothing that costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_client import Peer, reply

LEAVE = """
import sys, threading
from gpushopper.cli import run
def go_on():
    threading.main_thread().join(0.2)
    print("its work is done", flush=True)
if sys.argv.pop(1) == "busy":
    threading.Thread(target=go_on).start()
class Late:
    def __del__(self):
        print("the interpreter was taken apart", flush=True)
late = Late()
run()
"""
LIST = """
import sys
from gpushopper.cli import main
main(sys.argv[1:])
print("\\n".join(sys.modules), file=sys.stderr)
"""

START = {"cli", "cli.app", "cli.input", "cli.input.command_classes"}
DEAR = {
    "rich", "httpx", "peewee", "apscheduler", "keyring", "pydantic", "flask", "cheroot", "structlog", "asyncio",
    "subprocess", "http.client", "email", "ssl", "logging", "tomllib", "argparse", "concurrent", "multiprocessing",
}  # fmt: skip
DEAR_IN_A_LIST = {*DEAR, "shutil", "gpushopper.core.policy", "gpushopper.clouds"}


def imported(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIST, *words], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


def ours(modules: set[str]) -> set[str]:
    return {name.removeprefix("gpushopper.") for name in modules if name.startswith("gpushopper.")}


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_version_and_help_import_the_parser_alone(word: str):
    found = imported(word)
    assert ours(found) == START
    assert found & DEAR == set()


def test_a_list_for_programs_imports_neither_tables_nor_dataclasses_of_the_wire(home: Path):
    peer = Peer(home / "run" / "daemon.sock")
    peer.scripts = [reply({"sessions": []})]
    try:
        found = imported("sessions", "--json")
    finally:
        peer.close()
    assert ours(found) == {
        *START, "cli.commands", "cli.commands.sessions", "cli.commands.sessions.sessions",
        "cli.output", "cli.output.tables", "cli.output.json_output",
        "cli.process", "cli.process.homes", "cli.process.daemon_client",
        "client", "client.http_exchange", "client.home_owner", "client.busy_retry", "client.json_object",
        "client.daemon_version", "client.request_base", "client.money_requests", "client.record_requests", "wire",
        "wire.api", "wire.api.routes",
        "clock", "core", "core.timing", "core.timing.clock_snapshot", "errors", "paths",
    }  # fmt: skip
    assert found & {*DEAR_IN_A_LIST, "decimal"} == set()
    # Debian's Python loads a sitecustomize of its own.
    foreign = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) - {"sitecustomize"}
    assert {name for name in foreign if not name.startswith("_")} <= {"gpushopper", "click"}


def test_a_table_off_a_terminal_does_without_rich(home: Path):
    peer = Peer(home / "run" / "daemon.sock")
    peer.scripts = [reply({"sessions": []}), reply({"alarms": []})]
    try:
        found = imported("sessions")
    finally:
        peer.close()
    assert found & DEAR_IN_A_LIST == set()


def test_a_command_leaves_at_once_with_its_output_and_status():
    """Taking the interpreter apart costs as much as ten imports."""
    done = left("alone", "--version")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("gpu-shopper ")
    assert "taken apart" not in done.stdout
    wrong = left("alone", "--no-such-option")
    assert wrong.returncode == 2 and "--no-such-option" in wrong.stderr


def test_a_command_with_a_thread_waits_for_it():
    assert "its work is done" in left("busy", "--version").stdout


def left(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", LEAVE, *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
