"""Look up a provider's API key: in the environment, then the key file, then the system keyring (D15, S23).

The environment comes first, because a variable is set for one run; then the key file, which exists only where a user
chose it, so that a failing keyring is no obstacle without a desktop; then the keyring. A source that has a key and must
not be read, or that cannot tell whether it has one, ends the search (F106).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured
from gpushopper.secrets.key_form import check_form

KEY_VARIABLES: dict[str, tuple[str, ...]] = {"vast": ("VAST_API_KEY", "VASTAI_API_KEY")}
"""Environment variables of a provider's key, the first one wins; any other provider has `<NAME>_API_KEY`."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The key, and where it was found. `warning` tells the user that two variables disagree."""

    secret: Secret
    source: str
    warning: str = ""


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


KeyResult = FoundKey | KeyProblem


class KeySource(Protocol):
    """One place where keys may be stored. `lookup` returns None if the place was read and has no key."""

    def lookup(self, provider: str) -> FoundKey | KeyProblem | None: ...


def variables_of(provider: str) -> tuple[str, ...]:
    """The environment variables that may hold this provider's key."""
    return KEY_VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))


class EnvironmentSource:
    """The daemon's own environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def lookup(self, provider: str) -> FoundKey | KeyProblem | None:
        given = [(name, value) for name in variables_of(provider) if (value := self._environ.get(name, "").strip())]
        if not given:
            return None
        (name, value), *others = given
        try:
            secret = Secret(check_form(value))
        except Misconfigured as wrong:
            hint = f"set {name} to the whole key, or unset it"
            return KeyUnreadable(f"{name}: {wrong.message}", hint, f"environment {name}")
        differing = [other for other, other_value in others if other_value != value]
        warning = f"{name} is used; {', '.join(differing)} is set to another key" if differing else ""
        return FoundKey(secret, f"environment {name}", warning)


def find_key(provider: str, sources: Sequence[KeySource]) -> KeyResult:
    """Read the sources in order. A source that must not be read ends the search: no silent fallback (F106)."""
    for source in sources:
        answer = source.lookup(provider)
        if answer is not None:
            return answer
    return NoKey(f"no key for {provider}", f"run: gpu-shopper keys set {provider}")
