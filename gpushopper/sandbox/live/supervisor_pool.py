"""The pool of supervisor processes: starts and ends one for each live instance, as the market's state demands.

It also reserves each instance's ssh port and deletes the disk of a destroyed instance.
"""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.container_spec import describe, make_container_spec
from gpushopper.sandbox.live.host_faults import HostFaults
from gpushopper.sandbox.live.instance.disk import remove_disk
from gpushopper.sandbox.live.supervisor_messages import ContainerSpec, HostState
from gpushopper.sandbox.live.supervisor_process import SupervisorProcess
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import BOOT, Instance, Phase
from gpushopper.sandbox.persistence import SandboxState

POLL_INTERVAL_S = 0.1
REBOOT = 194
"""How PID 1 of a virtual machine exits when it is rebooted from inside (`instance/inside/vm/boot`)."""
_UP = (Phase.RUNNING, Phase.OFFLINE)


class SupervisorPool:
    """A reconcile loop in one thread: compares the running supervisors with the market and makes up the difference.

    A foreign instance is always simulated and gets none (S28).
    """

    def __init__(self, folder: Path, state: SandboxState, save: Callable[[], None]) -> None:
        self._folder = folder
        self._state = state
        self._save = save
        self._supervisors: dict[int, SupervisorProcess] = {}
        self._held_ports: dict[int, socket.socket] = {}
        self._wakeup = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor-pool", daemon=True)

    def start(self) -> None:
        """Start the loop; what ran when the sandbox stopped is started again, as after a reboot of its host."""
        with self._market.lock:
            for instance in self._live():
                if instance.phase in _UP and instance.container.port is not None:
                    instance.container.starts += 1
                    instance.container.host_boots += 1
                    instance.container.host_up_at = self._market.now()
        self._thread.start()

    def stop(self) -> None:
        """End every supervisor and wait until all have exited."""
        self._closing.set()
        self._wakeup.set()
        self._thread.join()
        for supervisor in self._supervisors.values():
            supervisor.close_pipe()
        for supervisor in self._supervisors.values():
            supervisor.wait()
        for holder in self._held_ports.values():
            holder.close()

    def wake(self) -> None:
        """Run the loop now instead of at the next poll: something may have changed."""
        self._wakeup.set()

    def describe(self) -> list[dict[str, Any]]:
        """Return the live instances that have processes now."""
        with self._market.lock:
            return [
                describe(self._market.instances[number], self._folder_of(number), supervisor.pids())
                for number, supervisor in [*self._supervisors.items()]
            ]

    @property
    def _market(self) -> Market:
        return self._state.market

    def _live(self) -> list[Instance]:
        return [instance for instance in self._market.tracked.values() if instance.can_be_live]

    def _folder_of(self, number: int) -> Path:
        return self._folder / str(number)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wakeup.clear()
            with self._market.lock:
                self._market.settle()
                self._record_exits()
                for instance in self._live():
                    if instance.phase in BOOT:
                        self._port(instance)  # so that a row has its ssh port from the moment it says running
                wanted = {instance.id: self._desired(instance) for instance in self._live() if _is_up(instance)}
                gone = [n for n, i in self._market.instances.items() if _is_gone(i) and self._has_files(n)]
            self._save()
            self._end_unwanted(wanted)
            for number in gone:
                self._remove_files(number)
            self._start_new(wanted)
            self._wakeup.wait(POLL_INTERVAL_S)

    def _record_exits(self) -> None:
        """Record in the market which containers have exited by themselves."""
        for number, supervisor in self._supervisors.items():
            instance = self._market.instances[number]
            if supervisor.is_over and supervisor.starts == instance.container.starts:
                if supervisor.facts.get("exited") == REBOOT and instance.spec.kind == "vm":
                    actions.reboot(self._market, instance)
                else:
                    actions.record_container_exit(self._market, instance)

    def _desired(self, instance: Instance) -> tuple[int, ContainerSpec | None, HostState]:
        """Return which container an instance should have, its spec if it must be started, and its host's state."""
        host_state = HostFaults(self._market, self._state.faults, instance).apply()
        starts = instance.container.starts
        known = self._supervisors.get(instance.id)
        if known is not None and known.starts == starts:
            return starts, None, host_state
        dialect = self._state.dialects[instance.provider]
        return starts, make_container_spec(dialect, self._market, instance, self._port(instance)), host_state

    def _port(self, instance: Instance) -> int:
        """Return the instance's ssh port, reserved by a bound socket that does not listen while no container runs."""
        holder = self._held_ports.get(instance.id)
        if holder is None:
            holder = self._held_ports[instance.id] = _hold_port(instance.container.port or 0)
            instance.container.port = holder.getsockname()[1]
            self._market.changes += 1
        return int(instance.container.port or 0)

    def _end_unwanted(self, wanted: dict[int, tuple[int, ContainerSpec | None, HostState]]) -> None:
        """End the supervisors of instances that were stopped or destroyed, or whose container is to be started anew."""
        over = [n for n, known in self._supervisors.items() if n not in wanted or wanted[n][0] != known.starts]
        for number in over:
            self._supervisors[number].close_pipe()
        for number in over:
            self._supervisors[number].wait()
            del self._supervisors[number]

    def _start_new(self, wanted: dict[int, tuple[int, ContainerSpec | None, HostState]]) -> None:
        for number, (starts, spec, host_state) in wanted.items():
            known = self._supervisors.get(number)
            if known is not None:
                known.send_state(host_state)
            elif spec is not None:
                folder = self._folder_of(number)
                self._supervisors[number] = SupervisorProcess(folder, spec, host_state, starts, self.wake)

    def _has_files(self, number: int) -> bool:
        return number in self._held_ports or self._folder_of(number).exists()

    def _remove_files(self, number: int) -> None:
        """Delete the disk of a destroyed instance and release its port; its log is kept."""
        holder = self._held_ports.pop(number, None)
        if holder is not None:
            holder.close()
        folder = self._folder_of(number)
        with suppress(OSError):
            remove_disk(folder / "disk")
            shutil.rmtree(folder / "host", ignore_errors=True)
            for key in folder.glob("host_key-*"):
                key.unlink()


def _is_up(instance: Instance) -> bool:
    """Whether its container runs: on an unreachable host it still does (F24)."""
    return instance.phase is Phase.RUNNING or (instance.phase is Phase.OFFLINE and instance.resume is Phase.RUNNING)


def _is_gone(instance: Instance) -> bool:
    return not instance.exists and instance.return_at is None and instance.can_be_live


def _hold_port(wanted: int) -> socket.socket:
    """Bind a port without listening: the wanted one, or any other where that is taken."""
    for port in dict.fromkeys((wanted, 0)):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        return holder
    raise OSError("no port is free on loopback")
