"""Why there is no key: each way to fail is a type of its own, and only `NoKey` means that none is stored (F105)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """Why there is no key: what happened, what to do, and in which source."""

    text: str
    hint: str
    source: str = ""
    state: ClassVar[str] = ""

    @property
    def code(self) -> str:
        """The error code, which is stable."""
        return f"key_{self.state}"


class NoKey(KeyProblem):
    """Every source was read and none has a key: the only result that may be reported as "no key" (F105)."""

    __slots__ = ()
    state = "missing"

    @property
    def code(self) -> str:
        return "no_key"


class KeyUnreadable(KeyProblem):
    """A source may have a key, but it cannot or must not be read there."""

    __slots__ = ()
    state = "refused"


class KeyringFailing(KeyUnreadable):
    """The keyring was asked and failed: its library raised, or the bus was too slow. What it holds is unknown (I11)."""

    __slots__ = ()
    state = "failing"


class KeyIncomplete(KeyUnreadable):
    """A source has some parts of a credential and lacks one that is needed."""

    __slots__ = ()
    state = "incomplete"


class KeyringLocked(KeyProblem):
    """The keyring is locked: it needs its owner's password."""

    __slots__ = ()
    state = "locked"


class KeyringUnavailable(KeyProblem):
    """No keyring can be reached from here, for example from cron, so what it holds is unknown (D16)."""

    __slots__ = ()
    state = "absent"


class KeyringTimeout(KeyProblem):
    """The keyring did not answer in time."""

    __slots__ = ()
    state = "hung"
