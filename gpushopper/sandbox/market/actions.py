"""What a caller, a host or the operator can do to an existing instance."""

from __future__ import annotations

from gpushopper.sandbox.market import lifecycle
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import BOOT, Instance, Order, Phase
from gpushopper.sandbox.timing import parse_duration

GPU_CLAIMS = ("name", "count", "memory", "driver", "cuda")
SIZE_CLAIMS = ("disk", "ram", "cpus")  # GB, MB, a number
CLAIMS = (*GPU_CLAIMS, *SIZE_CLAIMS)
FOREIGN_IMAGE = "nvidia/cuda:12.4.1-devel-ubuntu22.04"


def stop(market: Market, instance: Instance, by: str) -> None:
    """Stop an instance; stopping a stopped one also takes back a queued start."""
    instance.queued_start = False
    if instance.phase is not Phase.STOPPED:
        lifecycle.halt(instance, _bill_to_now(market, instance), by)
    market.changes += 1


def start(market: Market, instance: Instance) -> bool:
    """Start a stopped instance; False when its GPUs are taken, its contract over or its credit gone.

    The start then stays queued, as Vast says, and a stop undoes it (vastai.md 6).
    """
    market.changes += 1
    if instance.phase is not Phase.STOPPED:
        return True
    offer = market.offer_of(instance)
    _, in_use = market.taken(instance.provider)
    solvent = market.accounts[instance.account_id].credit_micros > 0
    if instance.stopped_by == "contract_end" or not solvent or not market.has_room(offer, in_use):
        instance.queued_start = True
        return False
    lifecycle.boot_again(instance, _bill_to_now(market, instance))
    return True


def reboot(market: Market, instance: Instance) -> None:
    """Restart the container in place."""
    if instance.phase is Phase.RUNNING:
        lifecycle.boot_again(instance, _bill_to_now(market, instance))
    market.changes += 1


def reboot_host(market: Market, instance: Instance) -> None:
    """Restart the computer under the instance: another boot id, uptime from zero, then the container again."""
    now = market.now()
    instance.container.host_boots += 1
    instance.container.host_up_at = now
    reboot(market, instance)


def container_ended(market: Market, instance: Instance) -> None:
    """Take note that PID 1 of a running instance has ended by itself."""
    if instance.phase is Phase.RUNNING:
        lifecycle.run_out(instance, _bill_to_now(market, instance))
        market.changes += 1


def relabel(market: Market, instance: Instance, label: str | None) -> None:
    """Change the label."""
    instance.label = label
    market.changes += 1


def end(market: Market, instance: Instance, by: str, delay: int = 0) -> None:
    """Destroy an instance now or `delay` microseconds from now (`delay(t)`)."""
    if delay:
        instance.end_at, instance.end_by = market.now() + delay, by
    else:
        lifecycle.vanish(instance, _bill_to_now(market, instance), by)
    market.changes += 1


def end_for_a_while(market: Market, instance: Instance, by: str, absence: int) -> None:
    """Destroy an instance that comes back `absence` microseconds later (`zombie(t)`, F40)."""
    now = _bill_to_now(market, instance)
    lifecycle.vanish(instance, now, by)
    instance.return_at = now + absence
    market.changes += 1


def launch_foreign(market: Market, provider: str, label: str | None = None) -> Instance:
    """Start a stranger's instance on the provider's first account; raises LookupError when all is let."""
    account = next(a for a in market.accounts.values() if a.provider == provider)
    taken, in_use = market.taken(provider)
    for offer in market.supply[provider].offers.values():
        if offer.id not in taken and market.has_room(offer, in_use):
            order = Order(offer.id, label=label, image=FOREIGN_IMAGE, disk_gb=20.0, runtype="ssh", foreign=True)
            return market.place(account.id, order, market.now())
    raise LookupError("every offer is taken")


def revise(market: Market, instance: Instance, action: str, value: str | float | None) -> None:
    """Play the operator or the host (`POST /revise`); raises ValueError for an unknown action or value."""
    now = _bill_to_now(market, instance)
    match action:
        case "destroy":
            end(market, instance, "operator")
        case "host_destroy":
            end(market, instance, "host")
        case "outbid" | "stop":
            lifecycle.halt(instance, now, "outbid" if action == "outbid" else "operator")
        case "start":
            start(market, instance)
        case "offline_host":
            _lose_host(market, instance, None if value is None else now + parse_duration(value))
        case "online_host":
            _find_host(market, instance)
        case "contract_end":
            instance.contract_end = now + parse_duration(value or 0)
        case "price_factor":
            instance.gpu_rate = round(instance.gpu_rate * float(value if value is not None else 1))
        case _:
            _revise_host(market, instance, action, value)
    market.changes += 1


def _revise_host(market: Market, instance: Instance, action: str, value: str | float | None) -> None:
    """Play what only a live instance can notice."""
    match action:
        case "gpu_load":
            instance.container.load = min(max(int(value or 0), 0), 100)
        case "gpu_claim":
            instance.container.claims = read_claims(str(value or ""))
        case "reboot_host":
            reboot_host(market, instance)
        case _:
            raise ValueError(f"unknown action: {action}")


def read_claims(text: str) -> dict[str, str]:
    """Read `count=1,name=NVIDIA GeForce RTX 3090` into what the host will claim; nothing means the truth again."""
    claims = {}
    for part in filter(None, text.split(",")):
        name, found, value = part.partition("=")
        if not found or name.strip() not in CLAIMS:
            raise ValueError(f"not a claim: {part} (one of {' '.join(CLAIMS)}, as count=1)")
        if name.strip() in SIZE_CLAIMS and not value.strip().isdecimal():
            raise ValueError(f"not a size: {part}")
        claims[name.strip()] = value.strip()
    return claims


def _lose_host(market: Market, instance: Instance, until: int | None) -> None:
    host_id = market.offer_of(instance).host.id
    market.offline_hosts[host_id] = until
    for other in market.present():
        if market.offer_of(other).host.id == host_id and other.phase in (*BOOT, Phase.RUNNING):
            lifecycle.go_offline(other, _bill_to_now(market, other), until)


def _find_host(market: Market, instance: Instance) -> None:
    host_id = market.offer_of(instance).host.id
    market.offline_hosts.pop(host_id, None)
    for other in market.present():
        if market.offer_of(other).host.id == host_id and other.phase is Phase.OFFLINE:
            lifecycle.come_online(other, _bill_to_now(market, other))


def _bill_to_now(market: Market, instance: Instance) -> int:
    """Bill the phase that ends and return the instant: a real clock has moved since the last settling."""
    now = market.now()
    market.bill(instance, now)
    return now
