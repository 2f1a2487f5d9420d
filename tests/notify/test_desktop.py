"""A message on a desktop: a real session bus, with a program on it that shows notifications, or hangs, or none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.alerts.delivery import DELIVERED, Result
from gpushopper.notify.desktop import show
from tests.cli.keyrings import Bus, session, short_folder
from tests.needs import needs
from tests.notify.messages import message

pytestmark = [pytest.mark.proofs, needs("dbus-run-session")]

DESKTOP = """
import json, sys
from jeepney import DBusAddress, MessageType, new_error, new_method_call, new_method_return
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
there = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
name = "org.freedesktop.Notifications"
assert bus.send_and_get_reply(new_method_call(there, "RequestName", "su", (name, 4))).body == (1,)
print("owned", flush=True)
while True:
    asked = bus.receive()
    if asked.header.message_type is MessageType.method_call:
        print(json.dumps(asked.body, default=str), flush=True)
        if sys.argv[1] == "shows":
            bus.send(new_method_return(asked, "u", (7,)))
"""


@pytest.fixture
def bus() -> Iterator[Bus]:
    with short_folder() as top, session(Path(top) / "s") as found:
        yield found


def desktop(bus: Bus, how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", DESKTOP, how], env=bus.variables, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    bus.begun.append(process)
    assert process.stdout is not None and process.stdout.readline() == "owned\n"
    return process


def test_a_desktop_shows_the_text_and_no_markup_of_a_host(bus: Bus):
    process = desktop(bus, "shows")
    assert show(message("fox <b>ends</b> in 5 min & more"), bus.address) == DELIVERED
    assert process.stdout is not None
    shown = json.loads(process.stdout.readline())
    assert shown[3] == "GPU Shopper" and shown[4] == "fox &lt;b&gt;ends&lt;/b&gt; in 5 min &amp; more"
    assert shown[6] == {"urgency": ["y", 2]}


def test_a_desktop_that_does_not_answer_is_waited_for_five_seconds(bus: Bus):
    desktop(bus, "hangs")
    assert show(message(), bus.address).problem == "the desktop did not answer within 5 s"


def test_a_bus_where_nothing_shows_notifications_is_said(bus: Bus):
    found = show(message(), bus.address)
    assert found.result is Result.UNREACHABLE and found.problem == "no program on the desktop shows notifications"


@pytest.mark.parametrize("address", ["", "unix:path=/nonexistent/bus", "tcp:host=127.0.0.1", "nonsense"])
def test_without_a_bus_nothing_is_shown_and_nothing_breaks(address: str):
    assert show(message(), address).result is Result.UNREACHABLE
