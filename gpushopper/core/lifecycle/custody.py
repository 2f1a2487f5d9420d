"""Who may have what was sent to an attempt, and what of it must be rotated if its host turns out hostile."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gpushopper.core.model.attempt import Attempt, ReceiptKind

_SECRET_WORDS = frozenset({
    "KEY", "KEYS", "APIKEY", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASS", "PASSPHRASE", "PWD",
    "CREDENTIAL", "CREDENTIALS", "AUTH", "PRIVATE", "DSN", "COOKIE", "PAT", "URL", "URI",
})  # fmt: skip
"""Parts of a variable's name that say that it holds a secret; an address may have a password in it."""
_SECRET_ENDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIALS")
_SECRET_FILE = re.compile(
    r"(^|/)(\.env(\..*)?|\.netrc|\.pgpass|\.pypirc|\.npmrc|\.git-credentials|\.aws|\.ssh|\.gnupg|\.kube|\.docker"
    r"|id_(rsa|dsa|ecdsa|ed25519)|credentials?(\.\w+)?|kubeconfig|[^/]*\.(pem|key|p12|pfx|jks|kdbx)"
    r"|[^/]*(token|secret)[^/]*)/?$",
    re.IGNORECASE,
)


class Reach(StrEnum):
    """How far a create has come, and with it the variables, the login and the public key that it carried."""

    HOST = "host"
    CLOUD = "cloud"
    """It made no instance: the cloud has seen it, and no host."""
    UNKNOWN = "unknown"
    """It may have made an instance."""
    NOBODY = "nobody"


def reach(attempt: Attempt, receipt_kind: str) -> Reach:
    """How far the attempt's create has come; `receipt_kind` is empty while it has no receipt."""
    if attempt.instance_id is not None:
        return Reach.HOST
    if attempt.sent_at is None or receipt_kind == ReceiptKind.NEVER_SENT:
        return Reach.NOBODY
    return Reach.CLOUD if receipt_kind in (ReceiptKind.REFUSED, ReceiptKind.ABSENT) else Reach.UNKNOWN


def names_secret(variable: str) -> bool:
    """Whether a variable's name says that its value is a secret: `HF_TOKEN`, `PGPASSWORD`, `DATABASE_URL`."""
    upper = variable.upper()
    return not _SECRET_WORDS.isdisjoint(upper.split("_")) or upper.endswith(_SECRET_ENDS)


def is_secret_file(path: str) -> bool:
    """Whether a path says that a secret is in it: `.env`, `~/.ssh`, `key.pem`."""
    return _SECRET_FILE.search(path) is not None


@dataclass(frozen=True, slots=True)
class Rotation:
    """`must`: what is a secret by its name. `look_at`: what may have one in it, which only its owner knows."""

    must: tuple[str, ...]
    look_at: tuple[str, ...]


def rotation(variables: Iterable[str], registries: Iterable[str], files: Iterable[str]) -> Rotation:
    """What to rotate of all that a hostile host may have had."""
    names, paths = sorted(set(variables)), sorted(set(files))
    must = [name for name in names if names_secret(name)]
    must += [f"the login at {registry}" for registry in sorted(set(registries))]
    must += [path for path in paths if is_secret_file(path)]
    rest = [name for name in names if not names_secret(name)] + [path for path in paths if not is_secret_file(path)]
    return Rotation(tuple(must), tuple(rest))
