"""Registry logins: read late, stored nowhere, and the session ends where a registry refuses the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.policy import REAL
from gpushopper.core.secret import Secret
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.engine.registry_login_redaction import load_redactions, open_registries
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import Misconfigured, Refused, ShopperError, UsageError
from gpushopper.providers import adapter
from gpushopper.sandbox.market.model import Phase
from gpushopper.secrets import KeyProblem, KeyringLocked, KeyringTimeout, KeyringUnavailable, NoKey
from gpushopper.secrets import KeyUnreadable as Unusable
from gpushopper.store import sessions
from tests.credentials import api_key
from tests.sim.world import World

IMAGE = "registry.example/team/private:1"
ANY_4090 = wire.SearchRequest(gpu="4090")
Answer = ImageLogin | KeyProblem | Exception


PROBLEMS = (
    (NoKey("no login at registry.example is stored", "run: set"), "no_login"),
    (KeyringLocked("the keyring is locked", "unlock"), "login_locked"),
    (KeyringUnavailable("no keyring", "--file"), "login_absent"),
    (KeyringTimeout("no answer", "--file"), "login_hung"),
    (Unusable("a bad file", "chmod"), "login_refused"),
)


ENDS = (PROBLEMS[0][0], PROBLEMS[2][0], PROBLEMS[4][0], ValueError("an odd login"))
PASSES = (PROBLEMS[1][0], PROBLEMS[3][0], ShopperError("the settings are being edited"), OSError("too many open files"))


class Logins:
    """The stored registry logins, and a record of every read."""

    def __init__(self, world: World, *answers: Answer) -> None:
        self.world = world
        self.answers = list(answers)
        self.reads: list[tuple[str, float, bool]] = []

    def __call__(self, registry: str, limit_s: float) -> ImageLogin | KeyProblem:
        assert not self.world.store.is_writing, "a keyring may wait: never inside a transaction"
        self.reads.append((registry, limit_s, self.world.executor.is_calling))
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
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR))
    plain: dict[str, Any] = {"image": IMAGE, "image_login": True, "retries": 3}
    return wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=plan.duration_us,
        **{**plain, **changes},
    )  # fmt: skip


def rent(world: World, **changes: Any) -> str:
    return world.requests.provision(request(world, **changes)).sessions[0]


def texts(world: World) -> str:
    return "\n".join(event.text for event in world.requests.events(0, 1000).events)


# ---- used


def test_a_private_image_runs_with_its_login_and_the_login_is_stored_nowhere(made: Make):
    world, logins = made(policy=REAL)
    ref = rent(world)
    assert world.running(ref)
    assert world.view(ref).image_login == "registry.example"
    # Once while the request waits, once on the create's own thread.
    assert [(registry, on_thread) for registry, _, on_thread in logins.reads] == [
        ("registry.example", False), ("registry.example", True)
    ]  # fmt: skip
    assert logins.reads[1][1] < REAL.create_timeout_s * 0.8, "the send must have its time too"
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
    assert (logins.reads, world.view(ref).image_login) == ([], "")
    assert not any(b"image_login" in sent.content for sent in world.executor.transport.sent)


def test_the_next_attempt_reads_the_login_anew(made: Make):
    world, logins = made()
    world.fault("create", "start_failure", count=1)
    ref = rent(world)
    assert world.running(ref)
    assert (len(world.view(ref).attempts), len(logins.reads)) == (2, 3)


def test_a_restart_in_between_reads_it_from_its_place(made: Make):
    world, logins = made()
    ref = rent(world)
    world.restart()
    world.engine.ctx.read_login = logins
    assert world.running(ref)
    assert [on_thread for _, _, on_thread in logins.reads] == [False, True]


# ---- never shown


def say(world: World, text: str) -> None:
    """Let every instance still be loading, with a status text."""
    for instance in world.market.instances.values():
        instance.spec = replace(instance.spec, stuck_in=Phase.LOADING, stuck_message=text)
        instance.next_at = None
        instance.enter(Phase.LOADING, world.market.now())


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=pytest.mark.proofs) for n in (1, 2, 3))])
@pytest.mark.parametrize("after", ["a restart", "another key"])
def test_what_an_earlier_connection_sent_is_redacted_too(made: Make, number: int, after: str):
    world, logins = made()
    login = ImageLogin(right(world).registry, "reader", Secret("p/ssword+1"))
    world.market.registry = replace(world.market.registry, token="p/ssword+1")
    logins.answers = [login]
    ref = rent(world)
    assert world.run_until(lambda: bool(world.view(ref).attempts[0].instance_id), 60)
    if after == "a restart":
        world.restart()
        world.engine.ctx.read_login = logins
        assert open_registries(world.engine.ctx) == ["registry.example"]
        assert load_redactions(world.engine.ctx, ["registry.example"]) == 1
    else:
        transport = world.executor.transport
        client = adapter("vast")(
            "http://127.0.0.1:9", api_key(world.key), world.clock.monotonic, transport=transport, wait=transport.wait
        )
        world.engine.replace_account(replace(world.engine.reconcilers["vast"].setup, client=client))
    say(world, f"still pulling with {login.redactions()[number]} !")
    assert world.run_until(lambda: "still pulling" in texts(world), 600)
    assert "pulling with [secret] !" in texts(world)
    assert not any(echo in texts(world) + repr(world.view(ref)) for echo in login.redactions())


@pytest.mark.parametrize("problem", PASSES)
def test_a_login_that_cannot_be_read_at_the_start_stops_nothing(made: Make, problem: Answer):
    world, logins = made()
    ref = rent(world)
    world.restart()
    world.engine.ctx.read_login = logins
    logins.answers = [problem, right(world)]
    assert load_redactions(world.engine.ctx, open_registries(world.engine.ctx)) == 0
    assert world.running(ref)


def test_registry_logins_of_ended_sessions_are_not_read(made: Make):
    world, _ = made()
    ref, other = rent(world), rent(world, image="ubuntu:22.04", image_login=False)
    assert world.running(ref) and world.running(other)
    assert open_registries(world.engine.ctx) == ["registry.example"]
    world.requests.end([ref])
    assert world.ended(ref) and open_registries(world.engine.ctx) == []


# ---- refused before anything is written


@pytest.mark.parametrize(("problem", "code"), PROBLEMS)
def test_a_login_that_cannot_be_read_is_refused_before_anything_is_written(made: Make, problem: KeyProblem, code: str):
    world, _ = made(problem)
    with pytest.raises(Misconfigured) as error:
        rent(world)
    assert (error.value.code, error.value.exit_code) == (code, 4)
    assert (error.value.message, error.value.hint) == (problem.text, problem.hint)
    assert (sessions.load_sessions(world.store), world.market.creates) == ([], [])


def test_a_cloud_that_takes_no_registry_login_is_refused(made: Make):
    world, logins = made()
    client = world.engine.reconcilers["vast"].client
    assert client is not None
    catalogue = replace(client.traits.catalogue, takes_image_login=False)
    client.traits = replace(client.traits, catalogue=catalogue)
    with pytest.raises(Refused) as error:
        rent(world)
    assert (error.value.message, error.value.exit_code) == ("vast takes no login at a registry", 6)
    assert (logins.reads, sessions.load_sessions(world.store)) == ([], [])


def test_an_image_without_a_usable_registry_is_refused(made: Make):
    world, logins = made()
    with pytest.raises(UsageError, match="host or host:port"):
        rent(world, image="ev!l.io/x:1")
    assert (logins.reads, sessions.load_sessions(world.store)) == ([], [])


@pytest.mark.parametrize("login", [True, False])
@pytest.mark.parametrize("image", ["Team/x", "me/X:1"])
def test_an_image_that_docker_would_refuse_is_refused(made: Make, image: str, login: bool):
    world, logins = made()
    with pytest.raises(UsageError, match="no capital letters in the name of an image") as error:
        rent(world, image=image, image_login=login)
    assert (error.value.code, error.value.hint) == ("bad_image", "write it in lower case; only a tag may have them")
    assert (logins.reads, sessions.load_sessions(world.store)) == ([], [])
    with pytest.raises(UsageError, match="no capital letters"):
        world.requests.plan(wire.PlanRequest(search=ANY_4090, image=image, to_rent=True, image_login=login))


def test_a_plan_is_refused_where_the_registry_login_cannot_be_read(made: Make):
    for problem, code in PROBLEMS:
        world, logins = made(problem)
        with pytest.raises(Misconfigured) as error:
            world.requests.plan(wire.PlanRequest(search=ANY_4090, image=IMAGE, to_rent=True, image_login=True))
        assert (error.value.code, error.value.exit_code, error.value.hint) == (code, 4, problem.hint)
        assert logins.reads[0][0] == "registry.example"
        plan = world.requests.plan(wire.PlanRequest(search=ANY_4090, image=IMAGE, to_rent=True))
        assert plan.offers, "who asks for none needs none"


def test_a_plan_with_a_login_at_a_cloud_that_takes_none_is_refused(made: Make):
    world, logins = made()
    client = world.engine.reconcilers["vast"].client
    assert client is not None
    catalogue = replace(client.traits.catalogue, takes_image_login=False)
    client.traits = replace(client.traits, catalogue=catalogue)
    with pytest.raises(Refused, match="vast takes no login at a registry"):
        world.requests.plan(wire.PlanRequest(search=ANY_4090, image=IMAGE, to_rent=True, image_login=True))
    assert logins.reads == []


def test_a_repeated_request_gets_its_answer_whatever_became_of_the_login(made: Make):
    world, logins = made()
    key, first_request = IdempotencyKey("key-12345", "POST", "/api/v1/sessions", "digest"), request(world)
    first = world.requests.provision(first_request, key)
    logins.answers = [KeyringLocked("the keyring is locked", "unlock")]
    assert world.requests.provision(first_request, key) == first


# ---- gone at the create


def words(answer: Answer) -> str:
    return answer.text if isinstance(answer, KeyProblem) else str(answer)


@pytest.mark.parametrize("later", ENDS)
def test_a_registry_login_missing_at_the_create_ends_the_session_with_nothing_sent(made: Make, later: Answer):
    world, logins = made()
    logins.answers.append(later)
    ref = rent(world)
    assert world.ended(ref)
    view = world.view(ref)
    assert (view.status, view.reason, len(view.attempts)) == ("failed", "no_image_login", 1)
    assert (world.market.creates, view.accrued) == ([], 0)
    assert words(later) in texts(world)


@pytest.mark.parametrize("later", PASSES)
def test_a_login_that_cannot_be_read_just_now_is_waited_for(made: Make, later: Answer):
    world, logins = made()
    logins.answers += [later, later, right(world)]
    ref = rent(world)
    assert world.running(ref)
    view = world.view(ref)
    assert [attempt.reason for attempt in view.attempts] == ["never_sent", "never_sent", ""]
    assert len({attempt.offer.key for attempt in sessions.attempts_of(world.store, ref)}) == 1
    assert (len(world.market.creates), sessions.load_session(world.store, ref).retries_left) == (1, 3)  # type: ignore[union-attr]
    (first, second) = (event for event in world.requests.events(0, 1000).events if event.kind == "waiting")
    assert words(later) in first.text and first.text == second.text and first.at < second.at
    assert second.at - first.at >= us(10), "a keyring is not read again at once"


@pytest.mark.parametrize("later", [PASSES[0], *(pytest.param(one, marks=pytest.mark.proofs) for one in PASSES[1:])])
def test_a_login_that_stays_unreadable_is_waited_for_ten_minutes(made: Make, later: Answer):
    world, logins = made()
    logins.answers.append(later)
    ref, began = rent(world), world.clock.t
    assert world.ended(ref)
    assert 600 <= (world.clock.t - began) / us(1) < 660
    view = world.view(ref)
    assert (view.status, view.reason, view.accrued, world.market.creates) == ("failed", "request_expired", 0, [])
    assert len(view.attempts) < 50


def test_a_login_that_is_waited_for_holds_up_no_other_rental(made: Make):
    world, logins = made()
    logins.answers.append(PASSES[0])
    slow = rent(world)
    assert world.run_until(lambda: "locked" in texts(world), 60)
    before = world.clock.t
    other = rent(world, image="ubuntu:22.04", image_login=False)
    assert world.run_until(lambda: bool(world.market.creates), 60)
    assert (world.clock.t - before) / us(1) < 2
    assert world.running(other) and world.status(slow) == "pending"


# ---- refused by the registry


@pytest.mark.parametrize("wrong", ["no login", "another password", "another registry"])
def test_an_image_refused_to_a_second_host_ends_the_session_without_more_retries(made: Make, wrong: str):
    world, logins = made()
    registry = world.market.registry
    logins.answers = [ImageLogin(registry.host, registry.user, Secret("wr0ng-password"))]
    if wrong == "another registry":
        logins.answers = [ImageLogin("ghcr.io", registry.user, Secret(registry.token))]
    before = world.clock.t
    ref = rent(world, image_login=wrong != "no login")
    assert world.run_until(lambda: world.view(ref).status in ("stopping", "failed"), 120)
    assert (world.clock.t - before) / 1e6 < 120, "not by a boot limit"
    assert world.ended(ref)
    view = world.view(ref)
    assert (view.status, view.reason, len(view.attempts)) == ("failed", "image_refused", 2)
    assert all(attempt.receipt is not None for attempt in view.attempts) and world.our_instances() == []
    assert len({attempt.offer.host_id for attempt in sessions.attempts_of(world.store, ref)}) == 2
    assert ("unauthorized" if wrong == "another password" else "pull access denied") in texts(world)


def test_an_image_refused_to_one_host_alone_is_rented_on_the_next(made: Make):
    world, logins = made()
    registry = world.market.registry
    logins.answers = [right(world), ImageLogin(registry.host, registry.user, Secret("wr0ng-password")), right(world)]
    ref = rent(world)
    assert world.running(ref)
    assert [attempt.reason for attempt in world.view(ref).attempts] == ["image_refused", ""]


def test_an_image_refused_to_one_host_ends_a_session_without_retries_with_its_reason(made: Make):
    world, _ = made()
    ref = rent(world, image_login=False, retries=0)
    assert world.ended(ref)
    assert (world.view(ref).reason, len(world.view(ref).attempts)) == ("image_refused", 1)


def test_an_instance_that_was_ready_is_never_ended_by_a_refused_pull(made: Make):
    world, _ = made()
    ref = rent(world)
    assert world.running(ref)
    (instance,) = world.market.instances.values()
    # Its host loads it anew, and the registry no longer knows the login.
    instance.spec = replace(instance.spec, stuck_in=Phase.LOADING, stuck_message="pull access denied for x")
    instance.next_at = None
    instance.enter(Phase.LOADING, world.market.now())
    world.engine.wake()
    assert world.run_until(lambda: world.view(ref).health == "interrupted", 600)
    assert (world.view(ref).status, world.view(ref).attempts[0].desired_state) == ("running", "running")
    world.run_for(3600)  # longer than a stop that the provider states would be waited for
    assert (world.view(ref).status, world.view(ref).attempts[0].desired_state) == ("running", "running")
    assert len(world.our_instances()) == 1 and not world.market.destroys
