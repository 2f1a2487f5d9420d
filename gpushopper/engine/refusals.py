"""Why an account cannot be asked or rented on, in one wording for a plan and for the rental itself."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.engine.context import AccountSetup
from gpushopper.errors import KeyRejected, Misconfigured, ProviderFailed, Refused, ShopperError
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.secrets import KeyProblem, NoKey


def keyless(setup: AccountSetup) -> Misconfigured:
    """No key, or none that can be read: different things with different remedies (F105)."""
    code = "no_key" if setup.key_state == "missing" else f"key_{setup.key_state}"
    return Misconfigured(setup.key_problem, setup.key_hint, code=code)


def no_guard(setup: AccountSetup) -> Refused:
    """Nothing is rented that could not end by itself (S16, I10)."""
    return Refused(
        f"nothing is rented on {setup.provider}: its instances could not end by themselves",
        "practise with: gpu-shopper --sandbox provision ...",
        code="no_guard",
    )


def no_login(problem: KeyProblem) -> Misconfigured:
    """No login at the image's registry, or none that can be read now (F105)."""
    code = "no_login" if isinstance(problem, NoKey) else f"login_{problem.state}"
    return Misconfigured(problem.text, problem.hint, code=code)


def unanswered(failed: Mapping[str, ReadFailed]) -> ShopperError:
    """No account answered: a refused key is the user's to mend, everything else the provider's (S11)."""
    name, why = next(iter(failed.items()))
    if all(answer.error_kind is ErrorKind.AUTH for answer in failed.values()):
        return KeyRejected(f"{name} refuses the key: {why.detail}", f"set a working key: gpu-shopper keys set {name}")
    return ProviderFailed(f"no provider answered: {why.detail}", "see: gpu-shopper status")
