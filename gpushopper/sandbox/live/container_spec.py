"""The market's side of a live instance: what its container is given, and how its host stands under the faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gpushopper.sandbox.faults.fault_table import Fault, FaultBook
from gpushopper.sandbox.faults.fault_types import read_signed
from gpushopper.sandbox.live.instance.exec_in_container import SEARCH_PATH
from gpushopper.sandbox.live.instance.gpus import gpu_facts
from gpushopper.sandbox.live.instance.hardware import machine_facts
from gpushopper.sandbox.live.instance.images import gaps_of, missing
from gpushopper.sandbox.live.instance.python import find_python
from gpushopper.sandbox.live.supervisor_messages import Standing, Task
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.sandbox.timing import SECOND

UPTIME = Path("/proc/uptime")

AGENTS = ("guard.sh", "agent.py")
"""What `agent_kill` kills without an argument, by a word of the command line."""


def make_task(market: Market, instance: Instance, port: int) -> Task:
    """Return what to run for an instance whose container starts now."""
    order, facts = instance.order, instance.container
    gaps = gaps_of(order.image)
    has_args = order.runtype == "args"
    return Task(
        id=instance.id,
        port=port,
        env=_environment(market, instance, port),
        missing=missing(gaps),
        extra=[] if "nopython" in gaps else find_python(Path("/usr/bin")),
        command=list(order.args) if has_args else [],
        onstart=None if has_args else order.onstart,
        boot_id=str(uuid5(NAMESPACE_OID, f"{market.seed}:{instance.id}:{facts.host_boots}")),
        uptime_s=_host_uptime_s(market, facts.host_up_at),
    )


def _host_uptime_s(market: Market, rebooted_at: int | None) -> float:
    """Return how long the host has been up: as long as this computer, until it is rebooted.

    Inside, /proc/PID/stat tells when a process began by the real boot clock; another uptime would contradict it.
    """
    if rebooted_at is None:
        return float(UPTIME.read_text().split()[0])
    return max(market.now() - rebooted_at, 0) / SECOND


def _environment(market: Market, instance: Instance, port: int) -> dict[str, str]:
    """Return the variables of the container: Vast's own over the order's (vastai.md 14)."""
    keys = market.accounts[instance.account_id].ssh_keys
    ordered = {name: value for name, value in instance.order.env if not name.startswith("-")}
    ports = [key[3:].split(":")[-1].split("/")[0] for key, _ in instance.order.env if key.startswith("-p ")]
    return {
        "PATH": SEARCH_PATH,
        "HOME": "/root",
        "HOSTNAME": f"c{instance.id}",
        **ordered,
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


class Host:
    """Plays the faults of group host on one instance; callers hold the market's lock."""

    def __init__(self, market: Market, faults: FaultBook, instance: Instance) -> None:
        self._market = market
        self._faults = faults
        self._instance = instance
        self._facts = instance.container

    def stand(self) -> Standing:
        """Let what is due happen and return how things stand."""
        known = {fault.id for fault in self._faults.faults}
        self._facts.played = [number for number in self._facts.played if number in known]
        self._play_events()
        self._play_offline()
        skew = self._held("clock_skew")
        hunts = [fault for fault in self._lines("agent_kill") if fault.until is not None and self._plays(fault)]
        return Standing(
            keys=[str(key["key"]) for key in self._instance.ssh_keys],
            gpu=gpu_facts(self._market.offer_of(self._instance), self._instance),
            machine=machine_facts(self._market.offer_of(self._instance), self._instance),
            answers=self._instance.order.runtype != "args" and self._held("ssh_refuse") is None,
            online=self._instance.phase is not Phase.OFFLINE,
            locked=self._held("ssh_authfail") is not None,
            host_key=self._facts.host_keys,
            skew_s=read_signed(skew.arg or "0") // SECOND if skew else 0,
            disk_full=self._held("disk_full") is not None,
            sweeps=self._facts.sweeps,
            hunted=[word for fault in hunts for word in _agents(fault)],
            swept=self._facts.swept.split(),
        )

    def _play_events(self) -> None:
        """Let what happens once happen, to a running instance."""
        if self._instance.phase is not Phase.RUNNING:
            return
        for fault in self._new("hostkey_change"):
            self._plays(fault)
            self._facts.host_keys += 1
        for fault in self._new("agent_kill"):
            if fault.until is None and self._plays(fault):
                self._facts.sweeps += 1
                self._facts.swept = " ".join(_agents(fault))
        for fault in self._new("reboot"):
            if self._plays(fault):
                actions.reboot_host(self._market, self._instance)

    def _play_offline(self) -> None:
        fault = self._held("offline")
        away = self._instance.phase is Phase.OFFLINE
        if fault is not None and not away and self._facts.offline_by != fault.id:
            self._facts.offline_by = fault.id
            self._revise("offline_host")
        elif fault is None and self._facts.offline_by is not None:
            self._facts.offline_by = None
            if away:
                self._revise("online_host")

    def _revise(self, action: str) -> None:
        actions.revise(self._market, self._instance, action, None)

    def _held(self, word: str) -> Fault | None:
        """Return the first line of a word that holds for this instance now."""
        return next((fault for fault in self._lines(word) if self._plays(fault)), None)

    def _new(self, word: str) -> list[Fault]:
        return [fault for fault in self._lines(word) if fault.id not in self._facts.played]

    def _lines(self, word: str) -> Iterator[Fault]:
        return self._faults.holding(self._instance.provider, word, (str(self._instance.id), self._instance.label))

    def _plays(self, fault: Fault) -> bool:
        """Whether a line acts on this instance; the first time counts as one act and may be let pass."""
        if fault.id in self._facts.played:
            return True
        if (fault.count is not None and fault.acted >= fault.count) or not self._faults.act(fault):
            return False
        self._facts.played.append(fault.id)
        return True


def _agents(fault: Fault) -> list[str]:
    return (fault.arg or " ".join(AGENTS)).replace(",", " ").split()


def describe(instance: Instance, folder: Path, pids: dict[str, Any]) -> dict[str, Any]:
    """Return one live instance as the control surface tells it."""
    return {
        "id": str(instance.id),
        "ssh": {"host": "127.0.0.1", "port": instance.container.port, "user": "root"},
        "disk": str(folder / "disk"),
        "log": str(folder / "log"),
        **pids,
    }
