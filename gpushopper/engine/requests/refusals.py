"""The wording of errors that plan and provision share: no key, no guard, one account twice, no login, no answer."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.clouds import title_of
from gpushopper.core.cloud import EndingKind
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.errors import KeyRejected, Misconfigured, ProviderFailed, Refused, ShopperError
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.secrets import KeyProblem, NoKey
from gpushopper.secrets.refused_key import refusal, remedy

UNGUARDED = "unguarded"


def keyless(setup: AccountSetup) -> Misconfigured:
    """No key is stored, or it cannot be read: the hints differ (F105)."""
    code = "no_key" if setup.key_state == "missing" else f"key_{setup.key_state}"
    return Misconfigured(setup.key_problem, setup.key_hint, code=code)


def no_guard(setup: AccountSetup) -> Refused:
    """Nothing is rented where no guard could end it (S16, I10)."""
    return Refused(
        f"nothing is rented on {setup.provider}: its instances could not end by themselves",
        "practise with: gpu-shopper --sandbox provision ...",
        code="no_guard",
    )


def unguarded(setup: AccountSetup, kind: EndingKind) -> Refused:
    """Instances there bill on without us: the user must have accepted that by name (E9, I10)."""
    why = "at most power off" if kind is EndingKind.POWEROFF_ONLY else "cannot end themselves"
    return Refused(
        f"instances of {setup.provider} {why}, and bill on if this computer never comes back",
        "accept it with --allow-unguarded, or rent elsewhere: --provider NAME",
        code=UNGUARDED,
    )


def one_account(name: str, other: str) -> Misconfigured:
    """Two names proved to be one account: each would take the other's instances for strangers."""
    return Misconfigured(
        f"{name} and {other} are one account: nothing is rented on either",
        f"give one of them another key, or remove it: gpu-shopper keys remove {other}",
        code="same_account",
    )


def no_login(problem: KeyProblem) -> Misconfigured:
    """No login at the image's registry is stored, or it cannot be read now (F105)."""
    code = "no_login" if isinstance(problem, NoKey) else f"login_{problem.state}"
    return Misconfigured(problem.text, problem.hint, code=code)


def why_unread(name: str, failed: ReadFailed, source: str) -> str:
    """Why an account could not be read; of a refused key where that is from (`source`), too."""
    is_refused = failed.error_kind is ErrorKind.AUTH
    return f"{refusal(name, source)}: {failed.detail}" if is_refused and source else failed.detail


def unanswered(ctx: Context, failed: Mapping[str, ReadFailed]) -> ShopperError:
    """No account answered: KeyRejected if every one refused its key, which the user can fix; else ProviderFailed."""
    name, why = next(iter(failed.items()))
    if all(answer.error_kind is ErrorKind.AUTH for answer in failed.values()):
        source = ctx.key_source(name)
        return KeyRejected(f"{refusal(name, source)}: {why.detail}", remedy(name, source))
    if len(failed) == 1:
        return ProviderFailed(f"cannot reach {title_of(name)}: {why.detail}", _are_you_online(why))
    return ProviderFailed(f"no cloud answered; {title_of(name)}: {why.detail}", _are_you_online(why))


def _are_you_online(why: ReadFailed) -> str:
    """A hint where this computer's own network may be at fault."""
    asks = why.error_kind is ErrorKind.NETWORK and not why.was_answered
    return f"{'are you online? ' if asks else ''}see: gpu-shopper status"
