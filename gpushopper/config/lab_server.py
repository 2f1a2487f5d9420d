"""Settings of a lab server: the group whose members may use the daemon, and which consumer each of them is."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.config.value_forms import Invalid, as_folder, as_text, read_by
from gpushopper.errors import Misconfigured
from gpushopper.paths import GROUP_FOLDER

MEMBERS = "members"
"""The section whose keys are names of users on the server, or their uids."""


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """Which group may use the daemon (None: nobody but its owner), and the folder of that group's socket."""

    group: str | None = field(default=None, metadata=read_by(as_text))
    group_folder: str = field(default=str(GROUP_FOLDER), metadata=read_by(as_folder))


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """The server whose daemon commands use (None: the one of this computer), as `--host` has it."""

    host: str | None = field(default=None, metadata=read_by(as_text))


def read_consumer(key: str, value: object, source: str) -> str:
    """The consumer of a member.

    Raises:
        Misconfigured: it is no line of text.
    """
    try:
        return as_text(value)
    except Invalid as invalid:
        raise Misconfigured(f"{key} in {source} must be {invalid}, not {value!r}", "correct it there") from None
