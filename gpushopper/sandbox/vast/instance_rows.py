"""Builds the JSON row of an instance: status, network, ports, prices, container, as Vast prints it (vastai.md 5.3)."""

from __future__ import annotations

from typing import Any

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.sandbox.timing import SECOND
from gpushopper.sandbox.vast.offer_rows import SCALE, host_fields, prices

STATUS = {
    Phase.FRESH: None,
    Phase.CREATED: "created",
    Phase.LOADING: "loading",
    Phase.RUNNING: "running",
    Phase.STOPPED: "exited",
    Phase.OFFLINE: "offline",
}
_FIRST_PORT = 41_000


def instance_row(market: Market, instance: Instance, phase: Phase) -> dict[str, Any]:
    """Return the row of an instance in a phase: the present one, or an older one for the fault `stale`."""
    offer, spec, now = market.offer_of(instance), instance.spec, market.now()
    host, running = offer.host, phase is Phase.RUNNING
    bills_disk = market.billing_of(instance.provider).bills_storage(instance.phase)
    total = (instance.gpu_rate + instance.storage_rate) / SCALE
    row = {
        **host_fields(host, offer.gpu_count, max(total, 0.000001)),
        **_states(instance, phase),
        **_container(instance, phase),
        **(_live_network(instance) if _is_live(market, instance) else _network(instance, host.public_ip)),
        "id": instance.id,
        "label": instance.label,
        "start_date": instance.created_at / SECOND,
        "end_date": instance.contract_end / SECOND,
        "duration": (instance.contract_end - now) / SECOND,
        "uptime_mins": round((now - instance.history[-1][0]) / SECOND / 60, 3) if running else None,
        "gpu_totalram": host.gpu.vram_mb * offer.gpu_count,
        "gpu_util": float(instance.container.load) if running else None,
        "gpu_temp": 41.0 if running else None,
        "cpu_util": 0.1 if running else None,
        "country_code": host.country,
        "is_bid": spec.bid_micros is not None,
        "min_bid": offer.min_bid_micros / SCALE,
        "dph_base": instance.gpu_rate / SCALE,
        "dph_total": total,
        "storage_total_cost": instance.storage_rate / SCALE,
        "search": prices(instance.gpu_rate, instance.storage_rate),
        "instance": prices(instance.gpu_rate if running else 0, instance.storage_rate if bills_disk else 0),
        "credit_balance": None,
        "credit_discount": None,
        "client_run_time": 1.1,
        "host_run_time": 2_592_000.0,
        "rentable": False,
    }
    if running and (not _is_live(market, instance) or instance.container.port is not None):
        # Absent rather than null otherwise: a null crashes the official client (vastai.md 5.3).
        row["ports"] = _ports(instance, _is_live(market, instance))
    return row


def _states(instance: Instance, phase: Phase) -> dict[str, Any]:
    queued = instance.queued_start
    return {
        "actual_status": STATUS.get(phase),
        "intended_status": "running" if queued else instance.wanted,
        "cur_state": instance.wanted,
        "next_state": "running" if queued else instance.wanted,
        "status_msg": _status_message(instance, phase),
    }


def _status_message(instance: Instance, phase: Phase) -> str | None:
    spec = instance.spec
    if spec.stuck_message and phase is spec.stuck_in:
        return spec.stuck_message
    match phase:
        case Phase.RUNNING:
            return f"success, running {spec.image}/{(spec.runtype or 'ssh').split('_')[0]}\n"
        case Phase.LOADING:
            return f"Pulling {spec.image}"
        case _:
            return None


def _container(instance: Instance, phase: Phase) -> dict[str, Any]:
    spec, running = instance.spec, phase is Phase.RUNNING
    return {
        "template_id": None,
        "template_name": None,
        "template_hash_id": None,
        "image_uuid": spec.image,
        "image_runtype": spec.runtype,
        "image_args": list(spec.args),
        "extra_env": [list(pair) for pair in spec.env],
        "onstart": spec.onstart,
        "jupyter_token": instance.secret[:40],
        "disk_space": spec.disk_gb,
        "disk_usage": 1.5 if running else -1,
        "disk_util": round(1.5 / spec.disk_gb, 4) if running else -1,
        "mem_limit": 63.0 if running else None,
        "mem_usage": 1.2 if running else None,
        "vmem_usage": 3.0 if running else None,
        "volume_info": [],
    }


def _is_live(market: Market, instance: Instance) -> bool:
    return market.live and not instance.spec.foreign


def _live_network(instance: Instance) -> dict[str, Any]:
    """Return the network fields of a live instance: proxy and direct address are the same port on loopback (S28)."""
    port = instance.container.port
    return {
        **_network(instance, "127.0.0.1"),
        "ssh_host": "127.0.0.1" if port else None,
        "ssh_port": port,
        "machine_dir_ssh_port": port or -1,
    }


def _network(instance: Instance, public_ip: str) -> dict[str, Any]:
    index, runtype = str(instance.id % 9 + 1), instance.spec.runtype or ""
    return {
        "ssh_host": f"ssh{index}.vast.ai",
        "ssh_idx": index,
        "ssh_port": 10_000 + instance.id % 50_000,
        # The trailing newline and blanks are live quirks a client must strip (vastai.md 5.3).
        "public_ipaddr": f"{public_ip}\n",
        "local_ipaddrs": "192.168.1.5 172.17.0.1 \n",
        "direct_port_start": -1,
        "direct_port_end": -1,
        "machine_dir_ssh_port": _outside_port(instance, 22) if "direc" in runtype else -1,
    }


def _outside(instance: Instance, inside: int, live: bool) -> int:
    if not live:
        return _outside_port(instance, inside)
    return (instance.container.port or 0) if inside == 22 else inside


def _outside_port(instance: Instance, inside: int) -> int:
    return _FIRST_PORT + (instance.id * 31 + inside * 7) % 20_000


def _ports(instance: Instance, live: bool) -> dict[str, Any]:
    """Return the port map: 22 for direct ssh, and each `-p` of the environment (vastai.md 4.2).

    A live instance shares our loopback: its ports are the same outside and inside, except ssh.
    """
    wanted = ["22/tcp"] if "direc" in (instance.spec.runtype or "") else []
    for key, _ in instance.spec.env:
        if key.startswith("-p "):
            inside = key[3:].split(":")[-1]
            wanted.append(inside if "/" in inside else f"{inside}/tcp")
    return {
        port: [{"HostIp": ip, "HostPort": str(_outside(instance, number, live))} for ip in ("0.0.0.0", "::")]
        for port in wanted
        if (number := int(port.split("/")[0])) >= 0
    }
