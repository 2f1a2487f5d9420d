"""The environment of a live instance: Vast's own variables replace those of the create (vastai.md 14)."""

from __future__ import annotations

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance


def environment(market: Market, instance: Instance, port: int) -> dict[str, str]:
    """Return the variables of the container whose ssh port is `port`."""
    keys = market.accounts[instance.account_id].ssh_keys
    requested = {name: value for name, value in instance.spec.env if not name.startswith("-")}
    ports = [key[3:].split(":")[-1].split("/")[0] for key, _ in instance.spec.env if key.startswith("-p ")]
    return {
        "HOSTNAME": f"c{instance.id}",
        **requested,
        "CONTAINER_ID": str(instance.id),
        "CONTAINER_API_KEY": instance.secret,
        "VAST_CONTAINERLABEL": f"C.{instance.id}",
        "PUBLIC_IPADDR": "127.0.0.1",
        "VAST_TCP_PORT_22": str(port),
        **{f"VAST_TCP_PORT_{number}": number for number in ports},
        "GPU_COUNT": str(market.offer_of(instance).gpu_count),
        "SSH_PUBLIC_KEY": "\n".join(str(key["key"]) for key in keys),
        "DATA_DIRECTORY": "/workspace/",
    }
