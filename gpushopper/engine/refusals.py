"""Why an account cannot be asked or rented on, in one wording for a plan and for the rental itself."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.engine.context import AccountSetup
from gpushopper.errors import KeyRejected, Misconfigured, ProviderFailed, Refused, ShopperError
from gpushopper.providers.base import Blind, Trouble


def keyless(setup: AccountSetup) -> Misconfigured:
    """No key, or one that stands where it must not be read; the source says which (F105)."""
    if setup.key_source:
        return Misconfigured(setup.key_problem, "see: gpu-shopper keys", code="key_refused")
    return Misconfigured(setup.key_problem, f"run: gpu-shopper keys set {setup.provider}", code="no_key")


def no_guard(setup: AccountSetup) -> Refused:
    """Nothing real is rented before instances can end by themselves (S16)."""
    return Refused(
        f"renting on the real {setup.provider} is not possible yet: "
        "instances cannot end by themselves in this version",
        "practise with: gpu-shopper --sandbox provision ...",
        code="no_guard",
    )


def unanswered(blind: Mapping[str, Blind]) -> ShopperError:
    """No account answered: a refused key is the user's to mend, everything else the provider's (S11)."""
    name, why = next(iter(blind.items()))
    if all(answer.trouble is Trouble.AUTH for answer in blind.values()):
        return KeyRejected(f"{name} refuses the key: {why.detail}", f"set a working key: gpu-shopper keys set {name}")
    return ProviderFailed(f"no provider answered: {why.detail}", "see: gpu-shopper status")
