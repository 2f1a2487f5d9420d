"""Reads of the market, with the faults that make them old, short or strange: instances, and the account's credit."""

from __future__ import annotations

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.billing import spent_since
from gpushopper.sandbox.market.model import UNITS_PER_MICRO, Account, Instance, Phase
from gpushopper.sandbox.requests.request_context import RequestContext


def listed_instances(ctx: RequestContext) -> list[Instance]:
    """Return the caller's instances that a list shows."""
    return [instance for instance in ctx.own_instances() if _is_listed(ctx, instance)]


def shown_phase(ctx: RequestContext, instance: Instance) -> Phase | None:
    """Return the phase that a read shows; None when the fault `stale` reads a time before it existed."""
    if fault := ctx.trigger("stale", names=instance.names):
        return instance.phase_at(ctx.market.now() - fault.duration_arg("60"))
    return instance.phase


def reported_credit(ctx: RequestContext, account: Account) -> int:
    """Return the credit in micro-dollars as the API reports it.

    The fault `balance_lag` makes it an old one, `misbill` lets more have been spent than was used.
    """
    if wrong := ctx.trigger("misbill"):
        return account.paid_in_micros - round(account.spent_units * wrong.factor_arg("1.5")) // UNITS_PER_MICRO
    fault = ctx.trigger("balance_lag")
    if fault is None:
        return account.credit_micros
    now, billing = ctx.market.now(), ctx.market.billing_of(ctx.provider)
    since = now - fault.duration_arg("1h")
    own = [i for i in ctx.market.instances.values() if i.account_id == account.id]
    recent = sum(spent_since(billing, instance, since, now) for instance in own)
    return account.paid_in_micros - (account.spent_units - recent) // UNITS_PER_MICRO


def _is_listed(ctx: RequestContext, instance: Instance) -> bool:
    """Whether the list shows an instance: the faults `lag` hides young ones, `omit` selected ones (F19)."""
    lag = ctx.find("lag", names=instance.names)
    if lag and ctx.market.now() - instance.created_at < lag.duration_arg("60") and ctx.faults.try_act(lag):
        return False
    return ctx.trigger("omit", names=instance.names) is None


def launch_foreign_instances(ctx: RequestContext) -> None:
    """Start foreign instances on the account, with labels that nearly match existing ones (fault `foreign`, F21)."""
    fault = ctx.find("foreign")
    if fault is None or fault.acted or not ctx.faults.try_act(fault):
        return
    labels = [i.label for i in ctx.own_instances() if i.label] or ["gs2-stranger"]
    for number in range(int(fault.arg or 1)):
        actions.launch_foreign(ctx.market, ctx.provider, _near_miss(labels[number % len(labels)], number))


def _near_miss(label: str, number: int) -> str | None:
    """Return a label that resembles `label`, or None."""
    shapes = (label[:-1], f"{label}x", f"x{label}", label.upper(), label[1:], f"{label} ", f" {label}")
    choices = [shape for shape in shapes if shape != label]
    return None if number % 8 == 7 else choices[number % len(choices)]
