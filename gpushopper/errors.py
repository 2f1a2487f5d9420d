"""Every error a user can meet, with its exit code: add one here.

    ShopperError                1   unexpected or unclassified
    |-- DiskFull                1   nothing could be written
    |-- UsageError              2   the command or request is malformed
    |-- NotFound                3   no such session, offer, GPU name
    |-- Misconfigured           4   key, configuration or home folder unusable
    |   `-- KeyRejected         4   the provider refuses the key
    |-- DaemonUnreachable       5   no daemon answers on the socket
    |-- Refused                 6   a safety or budget rule says no
    |   `-- NotReady            6   the account's first reconcile is not complete yet
    |-- NoOffer                 7   nothing on the market fits
    |-- ProviderFailed          7   the provider did not do it
    |-- NotVerified             8   accepted, not verified in time: may still bill
    |-- ProblemsFound           9   the check itself worked and found something
    `-- TimedOut              124   what was waited for did not happen in time

The number is the exit code. `code` is the stable word that scripts and the local API see;
one class may have several codes, each given where it is raised. The HTTP status: daemon/api/http_responses.py.
"""

from __future__ import annotations


class ShopperError(Exception):
    """An expected failure: what happened to what (`message`) and what to run next (`hint`)."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code


class DiskFull(ShopperError):
    """The disk or quota is exhausted; nothing was lost, nothing new was started."""

    code = "disk_full"


class UsageError(ShopperError):
    """The request is malformed."""

    exit_code = 2
    code = "usage"


class NotFound(ShopperError):
    """A named thing does not exist."""

    exit_code = 3
    code = "not_found"


class Misconfigured(ShopperError):
    """A key, the configuration or the home folder cannot be used."""

    exit_code = 4
    code = "config"


class KeyRejected(Misconfigured):
    """The provider does not accept the key."""

    code = "key_rejected"


class DaemonUnreachable(ShopperError):
    """No daemon answers on the socket."""

    exit_code = 5
    code = "daemon_unreachable"


class Refused(ShopperError):
    """A safety or budget rule says no; the rule is named in the message."""

    exit_code = 6
    code = "refused"


class NotReady(Refused):
    """The account has not been reconciled yet, so nothing may be created on it (I20)."""

    code = "account_not_ready"


class NoOffer(ShopperError):
    """Nothing on the market fits the request."""

    exit_code = 7
    code = "no_offer"


class ProviderFailed(ShopperError):
    """The provider did not do what was requested, and nothing more can be tried."""

    exit_code = 7
    code = "provider_failed"


class NotVerified(ShopperError):
    """Accepted, but not verified within the time given: it may still bill (I27)."""

    exit_code = 8
    code = "not_verified"


class ProblemsFound(ShopperError):
    """A check was completed and found problems."""

    exit_code = 9
    code = "problems_found"


class TimedOut(ShopperError):
    """What `wait` waited for did not happen in time; the status is that of timeout(1)."""

    exit_code = 124
    code = "wait_timeout"


def _tree(root: type[ShopperError]) -> list[type[ShopperError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _tree(child))]


def from_wire(code: str, message: str, hint: str, exit_code: int) -> ShopperError:
    """The error that a daemon reported, as the same class, so that the command has the same exit code."""
    for cls in _tree(ShopperError):
        if cls.code == code and cls.exit_code == exit_code:
            return cls(message, hint)
    for cls in _tree(ShopperError):
        if cls.exit_code == exit_code:
            return cls(message, hint, code=code)
    return ShopperError(message, hint, code=code)
