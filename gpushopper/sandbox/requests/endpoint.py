"""An endpoint of a dialect: rate limit (minimum gap), permission (scope) and fault call."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.sandbox.rate_limits import Gap


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`public` needs no key; `own` may be called with an instance's own key, for that instance.

    `call` is one of `faults.fault_types.CALLS`, or another word, on which only faults of every call act.
    """

    call: str
    scope: str
    gap: Gap
    public: bool = False
    own: bool = False


UNKNOWN = Endpoint("other", "misc", Gap(0), public=True)
"""What is asked at an address that no endpoint has."""
