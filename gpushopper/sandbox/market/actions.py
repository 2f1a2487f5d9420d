"""Actions on an existing instance: start, stop, reboot, destroy, label, and those of a host or operator (`/revise`)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.sandbox.market import billing, lifecycle
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import BOOT, HALTED, Instance, InstanceSpec, Phase
from gpushopper.sandbox.timing import parse_duration

GPU_CLAIMS = ("name", "count", "memory", "driver", "cuda")
SIZE_CLAIMS = ("disk", "ram", "cpus")  # GB, MB, a number
CLAIMS = (*GPU_CLAIMS, *SIZE_CLAIMS)


def stop(market: Market, instance: Instance, by: str) -> None:
    """Stop an instance; also cancels a queued start."""
    instance.queued_start = False
    if instance.phase not in HALTED:
        lifecycle.stop(instance, _bill_to_now(market, instance), by)
    market.changes += 1


def start(market: Market, instance: Instance) -> bool:
    """Start a stopped instance; False when its GPUs are in use, its contract has ended or there is no credit.

    The start then stays queued, and a stop cancels it; a cloud that refuses instead makes it stop again.
    """
    market.changes += 1
    if instance.phase is Phase.RELEASED:
        return False
    if instance.phase is not Phase.STOPPED:
        return True
    solvent = market.accounts[instance.account_id].credit_micros > 0
    if instance.stopped_by == "contract_end" or not solvent or not _gpus_are_free(market, instance):
        instance.queued_start = True
        return False
    lifecycle.restart_container(instance, _bill_to_now(market, instance))
    return True


def _gpus_are_free(market: Market, instance: Instance) -> bool:
    """Whether a stopped instance can have its GPUs: it holds them, or nobody else has taken them."""
    offer = market.offer_of(instance)
    if market.clouds[instance.provider].stopped_keeps_gpus:
        return offer.host.id not in market.offline_hosts
    _, in_use = market.occupancy(instance.provider)
    return market.has_capacity(offer, in_use)


def resize(market: Market, instance: Instance, spec: InstanceSpec) -> None:
    """Give a stopped instance another size, which is billed from now on."""
    _bill_to_now(market, instance)
    instance.spec = spec
    offer, profile = market.offer_of(instance), market.billing_of(instance.provider)
    instance.gpu_rate = billing.gpu_rate(offer, spec)
    instance.storage_rate = billing.storage_rate(profile, offer, spec.disk_gb)
    market.changes += 1


def reboot(market: Market, instance: Instance) -> None:
    """Restart the container in place."""
    if instance.phase is Phase.RUNNING:
        lifecycle.restart_container(instance, _bill_to_now(market, instance))
    market.changes += 1


def reboot_host(market: Market, instance: Instance) -> None:
    """Reboot the host: new boot id, uptime from zero, then the container is started again."""
    now = market.now()
    instance.container.host_boots += 1
    instance.container.host_up_at = now
    reboot(market, instance)


def record_container_exit(market: Market, instance: Instance) -> None:
    """Record that PID 1 of a running instance has exited by itself."""
    if instance.phase is Phase.RUNNING:
        lifecycle.exit_container(instance, _bill_to_now(market, instance))
        market.changes += 1


def relabel(market: Market, instance: Instance, label: str | None) -> None:
    """Change the label."""
    instance.label = label
    market.changes += 1


def destroy(market: Market, instance: Instance, by: str, delay: int = 0) -> None:
    """Destroy an instance now or `delay` microseconds from now (`delay(t)`)."""
    if delay:
        due = market.now() + delay
        if instance.end_at is None or due < instance.end_at:  # a second destroy does not postpone the first
            instance.end_at, instance.end_by = due, by
    else:
        lifecycle.terminate(instance, _bill_to_now(market, instance), by)
    market.changes += 1


def destroy_temporarily(market: Market, instance: Instance, by: str, absence: int) -> None:
    """Destroy an instance that exists again `absence` microseconds later (`zombie(t)`, F40)."""
    now = _bill_to_now(market, instance)
    lifecycle.terminate(instance, now, by)
    instance.return_at = now + absence
    market.changes += 1


def launch_foreign(market: Market, provider: str, label: str | None = None) -> Instance:
    """Start a foreign instance on the provider's first account; raises LookupError when every offer is taken."""
    account = market.first_account(provider)
    taken, in_use = market.occupancy(provider)
    for offer in market.supply[provider].offers.values():
        if offer.id not in taken and market.has_capacity(offer, in_use):
            cloud = market.clouds[provider]
            spec = replace(cloud.foreign, offer_id=offer.id, label=label, kind=cloud.kinds[0])
            return market.create_instance(account.id, spec, market.now())
    raise LookupError("every offer is taken")


def revise(market: Market, instance: Instance, action: str, value: str | float | None) -> None:
    """Do what an operator or a host may do (`POST /revise`); raises ValueError for an unknown action or value."""
    now = _bill_to_now(market, instance)
    match action:
        case "destroy":
            destroy(market, instance, "operator")
        case "host_destroy":
            destroy(market, instance, "host")
        case "outbid" | "stop":
            lifecycle.stop(instance, now, "outbid" if action == "outbid" else "operator")
        case "start":
            start(market, instance)
        case "offline_host":
            _take_host_offline(market, instance, None if value is None else now + parse_duration(value))
        case "online_host":
            _bring_host_online(market, instance)
        case "reclaim_gpus":
            _reclaim_gpus(market, instance, now)
        case "contract_end":
            instance.contract_end = now + parse_duration(value or 0)
        case "price_factor":
            instance.gpu_rate = round(instance.gpu_rate * float(value if value is not None else 1))
        case _:
            _revise_host(market, instance, action, value)
    market.changes += 1


def _reclaim_gpus(market: Market, instance: Instance, now: int) -> None:
    if not market.clouds[instance.provider].stopped_keeps_gpus:
        raise ValueError(f"at {instance.provider} a stopped instance holds no GPUs that could be taken back")
    lifecycle.release_gpus(instance, now)


def _revise_host(market: Market, instance: Instance, action: str, value: str | float | None) -> None:
    """Do what only a live instance can notice."""
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
    """Read `count=1,name=NVIDIA GeForce RTX 3090` into what the host claims; empty text removes the claims."""
    claims = {}
    for part in filter(None, text.split(",")):
        name, found, value = part.partition("=")
        if not found or name.strip() not in CLAIMS:
            raise ValueError(f"not a claim: {part} (one of {' '.join(CLAIMS)}, as count=1)")
        if name.strip() in SIZE_CLAIMS and not value.strip().isdecimal():
            raise ValueError(f"not a size: {part}")
        claims[name.strip()] = value.strip()
    return claims


def _take_host_offline(market: Market, instance: Instance, until: int | None) -> None:
    host_id = market.offer_of(instance).host.id
    market.offline_hosts[host_id] = until
    for other in market.existing_instances():
        if market.offer_of(other).host.id == host_id and other.phase in (*BOOT, Phase.RUNNING):
            lifecycle.take_offline(other, _bill_to_now(market, other), until)


def _bring_host_online(market: Market, instance: Instance) -> None:
    host_id = market.offer_of(instance).host.id
    market.offline_hosts.pop(host_id, None)
    for other in market.existing_instances():
        if market.offer_of(other).host.id == host_id and other.phase is Phase.OFFLINE:
            lifecycle.bring_online(other, _bill_to_now(market, other))


def _bill_to_now(market: Market, instance: Instance) -> int:
    """Bill the phase that ends now and return the time: a real clock has moved since the last `settle`."""
    now = market.now()
    market.bill(instance, now)
    return now
