"""Make a credential from the parts that one source holds: all that are needed, each in the right form (F106).

Parts of two sources are never put together: an id of one account with the token of another would be a third account's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from gpushopper.clouds import Cloud, CredentialPart
from gpushopper.core.secret import Credential, Secret
from gpushopper.errors import Misconfigured
from gpushopper.secrets.key_form import check_form
from gpushopper.secrets.key_problems import KeyIncomplete, KeyProblem, KeyUnreadable


def make_credential(
    cloud: Cloud, given: Mapping[str, object], source: str, hint: str, label: Callable[[CredentialPart], str]
) -> Credential | KeyProblem:
    """The credential, or what is wrong with it; no problem quotes a value.

    `given` maps the parts' names to what the source holds, and `label` says how the source calls a part.
    """
    parts: list[tuple[str, Secret | str]] = []
    for part in cloud.credential:
        value = given.get(part.name)
        if value is None and part.is_needed:
            return _half(cloud, given, source, hint, label)
        if value is None:
            continue
        try:
            text = check_form(value if isinstance(value, str) else "")
        except Misconfigured as wrong:
            return KeyUnreadable(f"{label(part)}: {wrong.message}", hint, source)
        parts.append((part.name, Secret(text) if part.is_secret else text))
    return Credential(tuple(parts))


def _half(
    cloud: Cloud, given: Mapping[str, object], source: str, hint: str, label: Callable[[CredentialPart], str]
) -> KeyIncomplete:
    missing = [label(part) for part in cloud.credential if part.is_needed and part.name not in given]
    held = "only a part of the" if any(part.name in given for part in cloud.credential) else "no"
    verb = "is" if len(missing) == 1 else "are"
    text = f"{' and '.join(missing)} {verb} missing: {source} holds {held} {cloud.credential_title}"
    return KeyIncomplete(text, hint, source)


def pack(cloud: Cloud, credential: Credential) -> Secret:
    """The credential as one entry of a keyring: a single part as it is, several as a JSON object."""
    if len(cloud.credential) == 1:
        return Secret(credential.reveal(cloud.credential[0].name))
    return Secret(json.dumps({name: credential.reveal(name) for name, _ in credential.parts}))


def unpack(cloud: Cloud, entry: Secret) -> Mapping[str, object]:
    """The parts in an entry of a keyring; none where it is of another form."""
    if len(cloud.credential) == 1:
        return {cloud.credential[0].name: entry.reveal()}
    try:
        parts = json.loads(entry.reveal())
    except ValueError:
        return {}
    return parts if isinstance(parts, dict) else {}
