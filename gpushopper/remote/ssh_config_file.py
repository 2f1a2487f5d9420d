"""The managed file that the user's own ssh configuration may include: one Host block per running attempt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpushopper.private_files import private_folder, write_private
from gpushopper.remote.ssh_command import Connection

PREFIX = "gpu-shopper-"
"""Begins each alias, so that none can stand in the way of a Host of the user's own."""
HEAD = "# Written by gpu-shopper: hosts of running sessions. Changes are overwritten.\n"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One running session, and how to reach it."""

    session_id: str
    name: str
    connection: Connection


def render(entries: Sequence[Entry]) -> str:
    """The file's text. A name that ssh would read as a pattern, or that is taken, gives way to the session's id."""
    taken: set[str] = set()
    blocks = [HEAD]
    for entry in sorted(entries, key=lambda each: (each.name, each.session_id)):
        name = entry.name if _PLAIN.fullmatch(entry.name) and entry.name not in taken else entry.session_id
        taken.add(name)
        blocks.append(_block(name, entry.connection))
    return "\n".join(blocks)


def _block(name: str, way: Connection) -> str:
    options = [option.replace("=", " ", 1) for option in way.options]
    lines = [f"HostName {way.host}", f"Port {way.port}", f"User {way.user}", *options]
    return f"Host {PREFIX}{name}\n" + "".join(f"  {line}\n" for line in lines)


def write_ssh_config(path: Path, entries: Sequence[Entry]) -> bool:
    """Bring the file up to date, in one step; whether it changed.

    Raises:
        OSError: it could not be written; it is as it was.
    """
    text = render(entries)
    try:
        if path.read_text(encoding="utf-8", errors="replace") == text:
            return False
    except FileNotFoundError:
        if not entries:
            return False
    private_folder(path.parent)
    write_private(path, text)
    return True
