"""Look up a cloud's credential: in the environment, then the key file, then the system keyring (D15, S23).

The environment comes first, because a variable is set for one run; then the key file, which exists only where a user
chose it, so that a failing keyring is no obstacle without a desktop; then the keyring. A source that has a key and must
not be read, that has only some of its parts, or that cannot tell whether it has one, ends the search (F106).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gpushopper.clouds import Cloud, CredentialPart
from gpushopper.core.secret import Credential
from gpushopper.secrets.credential_form import make_credential
from gpushopper.secrets.key_problems import KeyProblem, KeyringUnavailable, NoKey


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The credential, and where it was found. `warning` tells the user that two variables disagree."""

    credential: Credential
    source: str
    warning: str = ""


KeyResult = FoundKey | KeyProblem


class KeySource(Protocol):
    """One place where keys may be stored. `lookup` returns None if the place was read and has no key."""

    def lookup(self, cloud: Cloud) -> FoundKey | KeyProblem | None: ...


class EnvironmentSource:
    """The daemon's own environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def lookup(self, cloud: Cloud) -> FoundKey | KeyProblem | None:
        used = {part.name: given[0] for part in cloud.credential if (given := self._given(part))}
        if not used:
            return None
        source = f"environment {', '.join(used.values())}"
        hint = f"set {_and([used.get(part.name) or part.variables[0] for part in cloud.credential if part.is_needed])}"
        hint += f" to the whole of it, or unset {_and(list(used.values()))}"
        found = make_credential(
            cloud,
            {name: self._environ[variable] for name, variable in used.items()},
            source,
            hint,
            lambda part: used.get(part.name) or part.variables[0],
        )
        if isinstance(found, KeyProblem):
            return found
        warnings = (self._disagreement(part) for part in cloud.credential)
        return FoundKey(found, source, "; ".join(filter(None, warnings)))

    def _given(self, part: CredentialPart) -> list[str]:
        """The variables of a part that are set."""
        return [name for name in part.variables if self._environ.get(name, "").strip()]

    def _disagreement(self, part: CredentialPart) -> str:
        used, *others = self._given(part) or [""]
        differing = [name for name in others if self._environ[name].strip() != self._environ[used].strip()]
        return f"{used} is used; {', '.join(differing)} is set to another key" if differing else ""


def find_key(cloud: Cloud, sources: Sequence[KeySource]) -> KeyResult:
    """Read the sources in order. A source that must not be read ends the search: no silent fallback (F106)."""
    for source in sources:
        answer = source.lookup(cloud)
        if isinstance(answer, KeyringUnavailable):
            return replace(
                answer, hint=f"create a key at {cloud.key_page}, then: gpu-shopper keys set {cloud.name} --file"
            )
        if answer is not None:
            return answer
    where = f"create one at {cloud.key_page}"
    return NoKey(f"no {cloud.credential_title}", f"{where}, then: gpu-shopper keys set {cloud.name}")


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
