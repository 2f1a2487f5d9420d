"""Write the ssh config file that the user's own may include: one Host block for each running session."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gpushopper.private_files import private_folder, write_private
from gpushopper.remote.ssh_command import Connection

PREFIX = "gpu-shopper-"
"""Prefix of each alias, so that none hides a Host of the user's."""
HEAD = "# Written by gpu-shopper: hosts of running sessions. Changes are overwritten.\n"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One running session, and how to connect to it."""

    session_id: str
    name: str
    connection: Connection


def render(entries: Sequence[Entry]) -> str:
    """The file's text. A name that ssh would read as a pattern, or that is taken, is replaced by the session's id."""
    taken: set[str] = set()
    blocks = [HEAD]
    for entry in sorted(entries, key=lambda each: (each.name, each.session_id)):
        name = entry.name if _PLAIN.fullmatch(entry.name) and entry.name not in taken else entry.session_id
        taken.add(name)
        blocks.append(_block(name, entry.connection))
    return "\n".join(blocks)


def _block(name: str, connection: Connection) -> str:
    options = [option.replace("=", " ", 1) for option in connection.options]
    lines = [f"HostName {connection.host}", f"Port {connection.port}", f"User {connection.user}", *options]
    return f"Host {PREFIX}{name}\n" + "".join(f"  {line}\n" for line in lines)


def write_ssh_config(path: Path, entries: Sequence[Entry]) -> bool:
    """Replace the file atomically if its text is different; returns whether it changed.

    Raises:
        OSError: it could not be written; the old file stays.
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
