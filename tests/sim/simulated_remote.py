"""Simulated access to instances: guards that end their instance by its own key, and probes that can fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpushopper.core.cloud import PlantingMethod, Traits
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded
from gpushopper.core.model.guard_recipe import GuardRecipe, PowerOff, SelfDestroy
from gpushopper.core.model.heartbeat import (
    Brought,
    GuardRenewal,
    GuardStatus,
    Hardware,
    Heartbeat,
    NetworkCount,
    ProbeFailure,
    ProbeFailureKind,
    SshTarget,
)
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.remote.planting.cloud_config import HEAD, cloud_config
from gpushopper.remote.ssh_command import Connection
from gpushopper.sandbox.market.actions import stop
from gpushopper.sandbox.market.model import Instance, Phase
from tests.sim.simulated_agent import SimAgent

if TYPE_CHECKING:
    from tests.sim.world import World


@dataclass
class SimGuard:
    """Times in µs of the market's clock, which is the instance's too."""

    end_at: int
    max_at: int
    seq: int = 0
    armed: bool = True
    why: str = ""
    holders: int = 2
    is_dead: bool = False
    ignores_renewals: bool = False
    knows_ends: bool = True
    agent: SimAgent | None = None
    ignored: tuple[str, ...] = ()
    """End files that it does not obey."""
    lag: int = 0
    """How long after an early end it acts: it reads the clock at its ticks."""
    may_destroy: bool = True
    """Else its key may only stop its instance (F23)."""

    def report(self, now: int) -> GuardStatus:
        left, most = (max(at - now, 0) // SECOND for at in (self.end_at, self.max_at))
        ends, parts = ((), "") if self.agent is None else (self.agent.shown(now), self.agent.checksum)
        return GuardStatus(
            self.armed, self.why, left, most, self.seq, self.holders, ends=ends, knows_ends=self.knows_ends,
            parts=parts, bad_ends=self.ignored,
        )  # fmt: skip


class SimRemote:
    """The engine's access to instances in a simulation; tests set here what the hosts do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.guards: dict[int, SimGuard] = {}
        self.renewals: list[tuple[str, GuardRenewal | None]] = []
        self.probes = 0
        self.on_guard_start: Callable[[SimGuard], None] = lambda guard: None
        """Called when a guard starts: to let its self-test fail or its holder die."""
        self.answer: Callable[[SshTarget], Heartbeat | ProbeFailure | None] = lambda login: None
        """What a host answers instead; None for the truth."""
        self.hardware = Hardware()
        self.forgotten: list[str] = []
        self.kept: list[str] = []
        """The attempts whose runs' outputs were fetched."""
        self.keeping: Callable[[SshTarget], KeptNow] = lambda login: KeptNow()
        self.brought: list[str] = []
        """The lines of limits that were brought to instances."""
        self.bring: Callable[[SimGuard, str], Brought] = lambda guard, line: Brought("1")
        """What comes of bringing agent and limits."""

        self.network: Callable[[Instance], NetworkCount | None] = lambda instance: None
        """What an instance's network has counted."""
        self.landings: list[LandingOrder] = []
        self.pull_s = 20.0
        self.pull_problem: Callable[[LandingOrder], str] = lambda order: ""
        """Why a pull fails; empty where it does not."""
        self.untold: Callable[[LandingOrder], str] = lambda order: ""
        """Why an instance cannot be told that all is here; empty where it can."""
        self.on_landed: Callable[[LandingOrder], None] = lambda order: None
        """Called once all of an order is here."""

    # ---- what the engine calls

    def public_key(self, session_id: str) -> str:
        with self.world.store.transaction():
            pass  # refused inside another one: a program that hangs must not block every commit
        folder = self.world.home.ssh_keys
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / session_id).touch(mode=0o600)
        return f"ssh-ed25519 AAAA{session_id}"

    def boot_script(
        self,
        recipe: GuardRecipe | None,
        traits: Traits,
        session_id: str,
        life_s: int,
        deadline_s: int,
        max_s: int,
        tick_s: int,
        backoff_s: int,
        environment: Mapping[str, str],
    ) -> str:
        assert self.world.executor.is_calling, "ssh-keygen may hang: not on the engine's thread"
        assert isinstance(recipe, SelfDestroy | PowerOff)
        key = self.public_key(session_id)
        script: dict[str, Any] = {"key": key, "life_s": life_s, "deadline_s": deadline_s, "max_s": max_s}
        script |= {"user": traits.planting.user, "environment": dict(environment)}
        text = json.dumps(script | {"destroys": isinstance(recipe, SelfDestroy)})
        return cloud_config(text) if traits.planting.method is PlantingMethod.CLOUD_INIT else text

    def parts_digest(self) -> str:
        return "digest"

    def probe(
        self,
        login: SshTarget,
        renewal: GuardRenewal | None,
        limit_s: float,
        plant: str = "",
        limits: str = "",
        hook: str = "",
    ) -> Heartbeat | ProbeFailure:
        assert self.world.executor.is_calling, "a login may hang: not on the engine's thread"
        self.probes += 1
        self.renewals.append((login.attempt_id, renewal))
        instead = self.answer(login)
        if instead is not None:
            return instead
        self.step()
        instance = self._find(login.attempt_id)
        if instance is not None and (script := _script(instance)) is not None and login.user != script["user"]:
            return ProbeFailure(ProbeFailureKind.NO_LOGIN, "permission denied (publickey)")
        guard = None if instance is None else self.guards.get(instance.id)
        if instance is None or instance.phase is not Phase.RUNNING:
            return ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection refused")
        if guard is not None and guard.is_dead:
            guard = None
        now = self.world.market.now()
        if guard is not None and renewal is not None and renewal.seq > guard.seq and not guard.ignores_renewals:
            guard.seq = renewal.seq
            guard.end_at = min(now + renewal.left_s * SECOND, guard.max_at)
        if guard is None:
            return Heartbeat(None, self.hardware)
        return self._heartbeat(guard, instance, limits, now)

    def _heartbeat(self, guard: SimGuard, instance: Instance, limits: str, now: int) -> Heartbeat:
        brought = None
        if limits:
            self.brought.append(limits)
            brought = self.bring(guard, limits)
            if brought.checksum:
                guard.agent = guard.agent or SimAgent(now)
                guard.agent.bring(limits, now)
                brought = Brought(guard.agent.checksum, brought.problem)
        agent = None if guard.agent is None else guard.agent.report(now)
        if guard.agent is not None:
            guard.agent.heard_at = now
        return Heartbeat(guard.report(now), self.hardware, agent, brought, self.network(instance))

    def land(
        self,
        login: SshTarget,
        order: LandingOrder,
        must_stop: Callable[[], bool],
        report: Callable[[LandingProgress], None],
    ) -> Landed | NotLanded:
        assert self.world.executor.is_calling, "a pull takes long: not on the engine's thread"
        self.landings.append(order)
        found = self._land(login, order)
        self.world.executor.transport.charged_s += self.pull_s  # the answer alone comes later
        return found

    def _land(self, login: SshTarget, order: LandingOrder) -> Landed | NotLanded:
        if problem := self.pull_problem(order):
            return NotLanded(problem)
        instance = self._find(login.attempt_id)
        guard = None if instance is None else self.guards.get(instance.id)
        if guard is None:
            return NotLanded("connection refused")
        untold = self.untold(order)
        if guard.agent is not None and not untold:
            guard.agent.pulled(self.world.market.now())
        self.on_landed(order)
        return Landed(tuple(here for _, here in order.pulls), 3, 300, untold=untold)

    def keep_outputs(self, login: SshTarget, now: int, limit_s: float) -> KeptNow:
        assert self.world.executor.is_calling, "a login may hang: not on the engine's thread"
        self.kept.append(login.attempt_id)
        return self.keeping(login)

    def forget_attempt(self, attempt_id: str) -> None:
        self.forgotten.append(attempt_id)

    def pinned_attempts(self) -> set[str]:
        return {attempt_id for attempt_id, _ in self.renewals} - set(self.forgotten)

    def connection(self, login: SshTarget) -> Connection:
        raise AssertionError("no person logs in to a simulation")

    def write_ssh_config(self, logins: Sequence[tuple[str, SshTarget]]) -> bool:
        return False

    def prune_keys(self, kept: Collection[str], before_s: float) -> list[str]:
        return []

    # ---- what runs on instances

    def step(self) -> None:
        """Start the guards of instances that run, and let those whose deadline has passed end their instances."""
        now = self.world.market.now()
        for instance in list(self.world.market.existing_instances()):
            script = _script(instance)
            if instance.phase is Phase.RUNNING and script is not None and instance.id not in self.guards:
                end = min(now + script["life_s"] * SECOND, max(script["deadline_s"] * SECOND, now))
                self.guards[instance.id] = SimGuard(end, now + script["max_s"] * SECOND)
                self.on_guard_start(self.guards[instance.id])
        for instance in list(self.world.market.existing_instances()):
            guard = self.guards.get(instance.id)
            if guard is None or guard.is_dead or not guard.armed:
                continue
            if guard.agent is not None:
                guard.agent.step(now, guard.end_at)
            script = _script(instance)
            # Where power-off does not end the bill, the guard acts at the deadline alone (ends.md E9).
            obeys = script is not None and script["destroys"]
            is_over = obeys and guard.agent is not None and guard.agent.is_over(now - guard.lag)
            if now < guard.end_at and not is_over:
                continue
            if script is not None and script["destroys"] and guard.may_destroy:
                self._destroy(instance)
            elif instance.phase is Phase.RUNNING:
                stop(self.world.market, instance, "own")

    def next_due(self) -> int | None:
        """Simulated µs from the world's start at which a running guard next acts."""
        now = self.world.market.now()
        running = {i.id for i in self.world.market.existing_instances() if i.phase is Phase.RUNNING}
        live = [g for number, g in self.guards.items() if number in running and not g.is_dead and g.armed]
        ends = [g.end_at for g in live]
        ends += [at for g in live if g.agent is not None and (at := g.agent.next_due(now)) is not None]
        return min((self.world.clock.t + max(end - now, SECOND) for end in ends), default=None)

    def _destroy(self, instance: Instance) -> None:
        """By the instance's own key, as the real guard does."""
        client = self.world.app.test_client()
        path = f"/api/v0/instances/{instance.id}/"
        client.delete(path, headers={"Authorization": f"Bearer {instance.secret}"}, json={})

    def _find(self, attempt_id: str) -> Instance | None:
        for instance in self.world.market.existing_instances():
            if attempt_id in (dict(instance.spec.env).get("GS_LABEL") or instance.spec.label or ""):
                return instance
        return None


def _script(instance: Instance) -> dict[str, Any] | None:
    """What the boot script of `SimRemote` says, as the cloud passed it on; None for a foreign instance."""
    text = instance.spec.onstart or instance.spec.cloud_init
    if not text:
        return None
    found = json.loads(text.removeprefix(HEAD))
    if "write_files" in found:
        found = json.loads(found["write_files"][0]["content"])
    return found if "life_s" in found else None
