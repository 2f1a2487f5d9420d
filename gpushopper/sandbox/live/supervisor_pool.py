"""Keeps a supervisor running behind every live instance that runs on the market, and no other."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.container_spec import Host, describe, make_task
from gpushopper.sandbox.live.instance.disk import remove_disk
from gpushopper.sandbox.live.supervisor_messages import Standing, Task
from gpushopper.sandbox.live.supervisor_process import Running
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import BOOT, Instance, Phase
from gpushopper.sandbox.persistence import World

LOOK_EVERY_S = 0.1
_UP = (Phase.RUNNING, Phase.OFFLINE)


class Keeper:
    """One thread that makes processes follow the market. A strange instance is always paper (S28)."""

    def __init__(self, folder: Path, world: World, save: Callable[[], None]) -> None:
        self._folder = folder
        self._world = world
        self._save = save
        self._running: dict[int, Running] = {}
        self._held: dict[int, socket.socket] = {}
        self._look = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin; what ran when the market stopped runs again, on a host that was away meanwhile."""
        with self._market.lock:
            for instance in self._live():
                if instance.phase in _UP and instance.container.port is not None:
                    instance.container.starts += 1
                    instance.container.host_boots += 1
                    instance.container.host_up_at = self._market.now()
        self._thread.start()

    def stop(self) -> None:
        """End every live process and wait until all are gone."""
        self._closing.set()
        self._look.set()
        self._thread.join()
        for running in self._running.values():
            running.let_go()
        for running in self._running.values():
            running.wait()
        for holder in self._held.values():
            holder.close()

    def look(self) -> None:
        """Look at once: something may have changed."""
        self._look.set()

    def describe(self) -> list[dict[str, Any]]:
        """Return the live instances that have processes now."""
        with self._market.lock:
            found = [(self._market.instances[number], running) for number, running in [*self._running.items()]]
            return [describe(instance, self._place(instance.id), running.pids()) for instance, running in found]

    @property
    def _market(self) -> Market:
        return self._world.market

    def _live(self) -> list[Instance]:
        return [instance for instance in self._market.moving.values() if not instance.order.foreign]

    def _place(self, number: int) -> Path:
        return self._folder / str(number)

    def _keep(self) -> None:
        while not self._closing.is_set():
            self._look.clear()
            with self._market.lock:
                self._market.settle()
                self._hear()
                for instance in self._live():
                    if instance.phase in BOOT:
                        self._port(instance)  # so that a row that says running says where, too
                wanted = {instance.id: self._want(instance) for instance in self._live() if _is_up(instance)}
                gone = [number for number, i in self._market.instances.items() if _is_gone(i) and self._has(number)]
            self._save()
            self._end_others(wanted)
            for number in gone:
                self._forget(number)
            self._begin(wanted)
            self._look.wait(LOOK_EVERY_S)

    def _hear(self) -> None:
        """Let the market know which containers have ended by themselves."""
        for number, running in self._running.items():
            instance = self._market.instances[number]
            if running.is_over and running.starts == instance.container.starts:
                actions.container_ended(self._market, instance)

    def _want(self, instance: Instance) -> tuple[int, Task | None, Standing]:
        """Return which container an instance should have, what it takes to start it now, and how its host stands."""
        standing = Host(self._market, self._world.faults, instance).stand()
        starts = instance.container.starts
        known = self._running.get(instance.id)
        if known is not None and known.starts == starts:
            return starts, None, standing
        return starts, make_task(self._market, instance, self._port(instance)), standing

    def _port(self, instance: Instance) -> int:
        """Hold the instance's port without listening: it stays the instance's while its container is away."""
        holder = self._held.get(instance.id)
        if holder is None:
            holder = self._held[instance.id] = _hold_port(instance.container.port or 0)
            instance.container.port = holder.getsockname()[1]
            self._market.changes += 1
        return int(instance.container.port or 0)

    def _end_others(self, wanted: dict[int, tuple[int, Task | None, Standing]]) -> None:
        """End what should not run: stopped, destroyed, or of a container that is to be started anew."""
        over = [n for n, running in self._running.items() if n not in wanted or wanted[n][0] != running.starts]
        for number in over:
            self._running[number].let_go()
        for number in over:
            self._running[number].wait()
            del self._running[number]

    def _begin(self, wanted: dict[int, tuple[int, Task | None, Standing]]) -> None:
        for number, (starts, task, standing) in wanted.items():
            known = self._running.get(number)
            if known is not None:
                known.stand(standing)
            elif task is not None:
                self._running[number] = Running(self._place(number), task, standing, starts, self.look)

    def _has(self, number: int) -> bool:
        return number in self._held or self._place(number).exists()

    def _forget(self, number: int) -> None:
        """Delete the disk of a destroyed instance and give its port free; its log stays."""
        holder = self._held.pop(number, None)
        if holder is not None:
            holder.close()
        place = self._place(number)
        with suppress(OSError):
            remove_disk(place / "disk")
            shutil.rmtree(place / "host", ignore_errors=True)
            for key in place.glob("host_key-*"):
                key.unlink()


def _is_up(instance: Instance) -> bool:
    """Whether its container runs: a host that is only out of reach goes on (F24)."""
    return instance.phase is Phase.RUNNING or (instance.phase is Phase.OFFLINE and instance.resume is Phase.RUNNING)


def _is_gone(instance: Instance) -> bool:
    return not instance.is_there and instance.return_at is None and not instance.order.foreign


def _hold_port(wanted: int) -> socket.socket:
    """Bind a port without listening, the wanted one if it is free."""
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
