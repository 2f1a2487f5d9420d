"""Builds the container spec of a live instance: environment variables, start-up script, command, boot id, uptime."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gpushopper.sandbox.live.cloud_init import USER, first_boot_script
from gpushopper.sandbox.live.instance.exec_in_container import SEARCH_PATH
from gpushopper.sandbox.live.instance.missing_programs import gaps_of, missing, replaced_in_vm
from gpushopper.sandbox.live.instance.python import find_python
from gpushopper.sandbox.live.supervisor_messages import ContainerSpec
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.timing import SECOND

UPTIME = Path("/proc/uptime")


def make_container_spec(dialect: Dialect, market: Market, instance: Instance, port: int) -> ContainerSpec:
    """Return the spec of the container that is started now; `port` is the instance's ssh port.

    Beside the path and home of its processes, their environment is the dialect's.
    """
    spec, host = instance.spec, instance.container
    if spec.kind == "vm":
        return _vm_spec(dialect, market, instance, port)
    gaps = gaps_of(spec.image)
    has_args = spec.runtype == "args"
    return ContainerSpec(
        id=instance.id,
        port=port,
        env={"PATH": SEARCH_PATH, "HOME": "/root", **dialect.environment(market, instance, port)},
        missing=missing(gaps),
        extra=[] if "nopython" in gaps else find_python(Path("/usr/bin")),
        command=list(spec.args) if has_args else [],
        onstart=None if has_args else spec.onstart,
        boot_id=str(uuid5(NAMESPACE_OID, f"{market.seed}:{instance.id}:{host.host_boots}")),
        uptime_s=_host_uptime_s(market, host.host_up_at),
    )


def _vm_spec(dialect: Dialect, market: Market, instance: Instance, port: int) -> ContainerSpec:
    """Return the spec of a virtual machine: each start is a boot of its own, with another boot id and no uptime."""
    return ContainerSpec(
        id=instance.id,
        port=port,
        env={"PATH": SEARCH_PATH, "HOME": "/root", **dialect.environment(market, instance, port)},
        missing=replaced_in_vm(),
        extra=find_python(Path("/usr/bin")),
        command=["/bin/sh", "/.instance/boot"],
        onstart=None,
        boot_id=str(uuid5(NAMESPACE_OID, f"{market.seed}:{instance.id}:boot {instance.container.starts}")),
        uptime_s=0.0,
        user=USER,
        first_boot=first_boot_script(instance.spec.login_keys, instance.spec.cloud_init),
    )


def _host_uptime_s(market: Market, rebooted_at: int | None) -> float:
    """Return the host's uptime: that of this computer, until the host is rebooted.

    Inside, /proc/PID/stat shows start times by the real boot clock; another uptime would contradict it.
    """
    if rebooted_at is None:
        return float(UPTIME.read_text().split()[0])
    return max(market.now() - rebooted_at, 0) / SECOND


def describe(instance: Instance, folder: Path, pids: dict[str, Any]) -> dict[str, Any]:
    """Return one live instance as `GET /status` of the control surface shows it."""
    user = USER if instance.spec.kind == "vm" else "root"
    return {
        "id": instance.cloud_id,
        "ssh": {"host": "127.0.0.1", "port": instance.container.port, "user": user},
        "disk": str(folder / "disk"),
        "log": str(folder / "log"),
        **pids,
    }
