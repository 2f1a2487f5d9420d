"""Applies the host faults (ssh_refuse, reboot, offline, clock_skew, agent_kill ...) to one live instance.

They change the market (a reboot, a host that goes offline) and the `HostState` that its supervisor is sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.faults.fault_types import read_signed
from gpushopper.sandbox.live.instance.gpus import gpu_facts
from gpushopper.sandbox.live.instance.hardware import hardware_facts
from gpushopper.sandbox.live.supervisor_messages import HostState
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.sandbox.timing import SECOND

AGENTS = ("guard.sh", "agent.py")
"""What `agent_kill` kills without an argument: processes whose command line contains one of these words."""


class HostFaults:
    """The host faults of one instance; callers hold the market's lock."""

    def __init__(self, market: Market, faults: FaultTable, instance: Instance) -> None:
        self._market = market
        self._faults = faults
        self._instance = instance
        self._container = instance.container

    def apply(self) -> HostState:
        """Apply what is due and return the state of the host."""
        known = {fault.id for fault in self._faults.faults}
        self._container.acted_faults = [number for number in self._container.acted_faults if number in known]
        self._apply_one_time_faults()
        self._apply_offline()
        skew = self._active("clock_skew")
        kills = [fault for fault in self._matching("agent_kill") if fault.until is not None and self._acts(fault)]
        return HostState(
            keys=[str(key["key"]) for key in self._instance.ssh_keys],
            gpu=gpu_facts(self._market.offer_of(self._instance), self._instance),
            hardware=hardware_facts(self._market.offer_of(self._instance), self._instance),
            ssh_open=self._instance.spec.runtype != "args" and self._active("ssh_refuse") is None,
            online=self._instance.phase is not Phase.OFFLINE,
            refuse_logins=self._active("ssh_authfail") is not None,
            host_key=self._container.host_keys,
            skew_s=read_signed(skew.arg or "0") // SECOND if skew else 0,
            disk_full=self._active("disk_full") is not None,
            kill_count=self._container.kill_count,
            kill_always=[word for fault in kills for word in _kill_patterns(fault)],
            kill_patterns=self._container.kill_patterns.split(),
        )

    def _apply_one_time_faults(self) -> None:
        """Apply hostkey_change, reboot and an agent_kill without a time: once to each running instance."""
        if self._instance.phase is not Phase.RUNNING:
            return
        for fault in self._not_yet_acted("hostkey_change"):
            self._acts(fault)
            self._container.host_keys += 1
        for fault in self._not_yet_acted("agent_kill"):
            if fault.until is None and self._acts(fault):
                self._container.kill_count += 1
                self._container.kill_patterns = " ".join(_kill_patterns(fault))
        for fault in self._not_yet_acted("reboot"):
            if self._acts(fault):
                actions.reboot_host(self._market, self._instance)

    def _apply_offline(self) -> None:
        fault = self._active("offline")
        is_offline = self._instance.phase is Phase.OFFLINE
        if fault is not None and not is_offline and self._container.offline_by != fault.id:
            self._container.offline_by = fault.id
            self._set_host("offline_host")
        elif fault is None and self._container.offline_by is not None:
            self._container.offline_by = None
            if is_offline:
                self._set_host("online_host")

    def _set_host(self, action: str) -> None:
        actions.revise(self._market, self._instance, action, None)

    def _active(self, word: str) -> Fault | None:
        """Return the first fault of this word that acts on this instance now."""
        return next((fault for fault in self._matching(word) if self._acts(fault)), None)

    def _not_yet_acted(self, word: str) -> list[Fault]:
        return [fault for fault in self._matching(word) if fault.id not in self._container.acted_faults]

    def _matching(self, word: str) -> Iterator[Fault]:
        return self._faults.active_host_faults(self._instance.provider, word, self._instance.names)

    def _acts(self, fault: Fault) -> bool:
        """Whether a fault acts on this instance.

        The first time counts as one act, and `chance` or `after` may let it pass.
        """
        if fault.id in self._container.acted_faults:
            return True
        if (fault.count is not None and fault.acted >= fault.count) or not self._faults.try_act(fault):
            return False
        self._container.acted_faults.append(fault.id)
        return True


def _kill_patterns(fault: Fault) -> list[str]:
    return (fault.arg or " ".join(AGENTS)).replace(",", " ").split()
