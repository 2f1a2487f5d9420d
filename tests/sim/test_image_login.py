"""Renting with a login at the image's registry: read late, kept nowhere, and an end where a registry says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.images import ImageLogin
from gpushopper.core.moment import HOUR
from gpushopper.core.policy import REAL
from gpushopper.core.secret import Secret
from gpushopper.engine.engine import Once
from gpushopper.errors import Misconfigured, Refused, ShopperError, UsageError
from gpushopper.sandbox.model import Phase
from gpushopper.secrets import Absent, Hung, Locked, Missing, Problem
from gpushopper.secrets import Refused as Unusable
from gpushopper.store import sessions
from tests.sim.world import World

IMAGE = "registry.example/team/private:1"
Answer = ImageLogin | Problem | Exception


class Logins:
    """What is stored, and every question asked about it."""

    def __init__(self, world: World, *answers: Answer) -> None:
        self.world = world
        self.answers = list(answers)
        self.asked: list[tuple[str, float, bool]] = []

    def __call__(self, registry: str, limit_s: float) -> ImageLogin | Problem:
        assert not self.world.store.is_writing, "a keyring may wait: never inside a transaction"
        self.asked.append((registry, limit_s, self.world.executor.is_calling))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def right(world: World) -> ImageLogin:
    registry = world.market.registry
    return ImageLogin(registry.host, registry.user, Secret(registry.token))


@pytest.fixture
def made(tmp_path: Path) -> Any:
    worlds: list[World] = []

    def make(*answers: Answer, policy: Any = None) -> tuple[World, Logins]:
        folder = tmp_path / str(len(worlds))
        folder.mkdir()
        world = World(folder) if policy is None else World(folder, policy=policy)
        worlds.append(world.start().ready())
        logins = Logins(world, *(answers or (right(world),)))
        world.engine.ctx.read_login = logins
        return world, logins

    yield make
    for world in worlds:
        world.kill()


Make = Callable[..., tuple[World, Logins]]


def request(world: World, **changes: Any) -> wire.ProvisionRequest:
    plan = world.engine.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), life_us=2 * HOUR))
    plain: dict[str, Any] = {"image": IMAGE, "image_login": True}
    return wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, life_us=plan.life_us, retries=3,
        **{**plain, **changes},
    )  # fmt: skip


def rent(world: World, **changes: Any) -> str:
    return world.engine.provision(request(world, **changes)).sessions[0]


def texts(world: World) -> str:
    return "\n".join(event.text for event in world.engine.events(0, 1000).events)


# ---- used


def test_a_private_image_runs_with_its_login_and_the_login_is_stored_nowhere(made: Make):
    world, logins = made(policy=REAL)
    ref = rent(world)
    assert world.running(ref)
    assert world.view(ref).image_login == "registry.example"
    # Once while the request waits, once on the create's own thread.
    assert [(registry, on_thread) for registry, _, on_thread in logins.asked] == [
        ("registry.example", False), ("registry.example", True)
    ]  # fmt: skip
    assert logins.asked[1][1] < REAL.send_limit_s * 0.8, "the send must have its time too"
    token = world.market.registry.token.encode()
    files = [path for path in world.home.data.rglob("*") if path.is_file()]
    assert any(path.name == "gpu-shopper.db" for path in files)
    world.store.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert [path for path in files if token in path.read_bytes()] == []
    assert token.decode() not in texts(world)
    (instance,) = world.market.instances.values()
    assert token.decode() not in repr(instance)


def test_without_the_flag_nothing_is_read_and_nothing_is_sent(made: Make):
    world, logins = made()
    ref = rent(world, image="ubuntu:22.04", image_login=False)
    assert world.running(ref)
    assert (logins.asked, world.view(ref).image_login) == ([], "")
    assert not any(b"image_login" in sent.content for sent in world.executor.transport.sent)


def test_the_next_attempt_reads_the_login_anew(made: Make):
    world, logins = made()
    world.fault("create", "start_failure", count=1)
    ref = rent(world)
    assert world.running(ref)
    assert (len(world.view(ref).attempts), len(logins.asked)) == (2, 3)


def test_a_restart_in_between_reads_it_from_its_place(made: Make):
    world, logins = made()
    ref = rent(world)
    world.restart()
    world.engine.ctx.read_login = logins
    assert world.running(ref)
    assert [on_thread for _, _, on_thread in logins.asked] == [False, True]


# ---- refused before anything is written


PROBLEMS = (
    (Missing("no login at registry.example is stored", "run: set"), "no_login"),
    (Locked("the keyring is locked", "unlock"), "login_locked"),
    (Absent("no keyring", "--file"), "login_absent"),
    (Hung("no answer", "--file"), "login_hung"),
    (Unusable("a bad file", "chmod"), "login_refused"),
)


@pytest.mark.parametrize(("problem", "code"), PROBLEMS)
def test_a_login_that_cannot_be_read_is_refused_before_anything_is_written(made: Make, problem: Problem, code: str):
    world, _ = made(problem)
    with pytest.raises(Misconfigured) as error:
        rent(world)
    assert (error.value.code, error.value.exit_code) == (code, 4)
    assert (error.value.message, error.value.hint) == (problem.text, problem.hint)
    assert (sessions.load_sessions(world.store), world.market.creates) == ([], [])


def test_a_cloud_that_takes_none_says_so(made: Make):
    world, logins = made()
    connection = world.engine.lanes["vast"].connection
    assert connection is not None
    connection.traits = replace(connection.traits, takes_image_login=False)
    with pytest.raises(Refused) as error:
        rent(world)
    assert (error.value.message, error.value.exit_code) == ("vast takes no login at a registry", 6)
    assert (logins.asked, sessions.load_sessions(world.store)) == ([], [])


def test_an_image_without_a_usable_registry_is_refused(made: Make):
    world, logins = made()
    with pytest.raises(UsageError, match="host or host:port"):
        rent(world, image="ev!l.io/x:1")
    assert (logins.asked, sessions.load_sessions(world.store)) == ([], [])


def test_a_repeated_request_gets_its_answer_whatever_became_of_the_login(made: Make):
    world, logins = made()
    once, asked = Once("key-12345", "POST", "/api/v1/sessions", "digest"), request(world)
    first = world.engine.provision(asked, once)
    logins.answers = [Locked("the keyring is locked", "unlock")]
    assert world.engine.provision(asked, once) == first


# ---- gone at the create


@pytest.mark.parametrize(
    "later", [*(problem for problem, _ in PROBLEMS), ShopperError("the settings are broken"), OSError("a sick disk")]
)
def test_a_login_that_is_gone_at_the_create_ends_the_session_with_nothing_sent(made: Make, later: Answer):
    world, logins = made()
    logins.answers.append(later)
    ref = rent(world)
    assert world.ended(ref)
    view = world.view(ref)
    assert (view.status, view.reason, len(view.attempts)) == ("failed", "no_image_login", 1)
    assert (world.market.creates, view.accrued) == ([], 0)
    assert (later.text if isinstance(later, Problem) else str(later)) in texts(world)


# ---- refused by the registry


@pytest.mark.parametrize("wrong", ["no login", "another password", "another registry"])
def test_a_refused_image_ends_the_session_at_once_and_burns_no_retries(made: Make, wrong: str):
    world, logins = made()
    registry = world.market.registry
    logins.answers = [ImageLogin(registry.host, registry.user, Secret("wr0ng-password"))]
    if wrong == "another registry":
        logins.answers = [ImageLogin("ghcr.io", registry.user, Secret(registry.token))]
    before = world.clock.t
    ref = rent(world, image_login=wrong != "no login")
    assert world.run_until(lambda: world.view(ref).status in ("stopping", "failed"), 120)
    assert (world.clock.t - before) / 1e6 < 60, "not by a boot limit"
    assert world.ended(ref)
    view = world.view(ref)
    assert (view.status, view.reason, len(view.attempts)) == ("failed", "image_refused", 1)
    assert view.attempts[0].receipt is not None and world.living() == []
    assert ("unauthorized" if wrong == "another password" else "pull access denied") in texts(world)


def test_an_instance_that_was_handed_over_is_never_ended_by_a_refused_pull(made: Make):
    world, _ = made()
    ref = rent(world)
    assert world.running(ref)
    (instance,) = world.market.instances.values()
    # Its host loads it anew, and the registry no longer knows the login.
    instance.order = replace(instance.order, stuck_in=Phase.LOADING, stuck_message="pull access denied for x")
    instance.next_at = None
    instance.enter(Phase.LOADING, world.market.now())
    world.engine.wake()
    assert world.run_until(lambda: world.view(ref).reach == "interrupted", 600)
    assert (world.view(ref).status, world.view(ref).attempts[0].desire) == ("running", "run")
    world.run_for(3600)  # longer than a stop that the provider states would be waited for
    assert (world.view(ref).status, world.view(ref).attempts[0].desire) == ("running", "run")
    assert len(world.living()) == 1 and not world.market.destroys
