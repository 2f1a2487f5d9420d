"""Show a message on the user's desktop, over the session bus (org.freedesktop.Notifications 1.2)."""

from __future__ import annotations

import os
from html import escape
from typing import Any

from gpushopper.core.alerts.delivery import DELIVERED, Outcome, Result
from gpushopper.notify.message import Message
from gpushopper.paths import BUS_VARIABLE, with_user_bus

LIMIT_S = 5.0
NAME = "org.freedesktop.Notifications"


def show(message: Message, bus: str | None = None) -> Outcome:
    """Show it once. `bus` is the address of the session bus; by default the user's, also where none is set (D16)."""
    address = with_user_bus(os.environ).get(BUS_VARIABLE, "") if bus is None else bus
    if not address:
        return Outcome(Result.UNREACHABLE, "nobody is logged in to a desktop here")
    from jeepney import DBusAddress, MessageType, new_method_call  # 30 ms, only where a desktop is a channel
    from jeepney.io.blocking import open_dbus_connection

    there = DBusAddress("/org/freedesktop/Notifications", NAME, NAME)
    hints = {"urgency": ("y", 2 if message.alert.is_urgent else 1)}
    body: tuple[Any, ...] = ("GPU Shopper", 0, "", message.title, escape(message.text, quote=False), [], hints, -1)
    try:
        with open_dbus_connection(address) as connection:
            call = new_method_call(there, "Notify", "susssasa{sv}i", body)
            reply = connection.send_and_get_reply(call, timeout=LIMIT_S)
    except TimeoutError:
        return Outcome(Result.UNREACHABLE, f"the desktop did not answer within {LIMIT_S:.0f} s")
    except (OSError, RuntimeError, ValueError) as error:
        return Outcome(Result.UNREACHABLE, f"the session bus cannot be used ({type(error).__name__})")
    if reply.header.message_type is not MessageType.method_return:
        return Outcome(Result.UNREACHABLE, "no program on the desktop shows notifications")
    return DELIVERED
