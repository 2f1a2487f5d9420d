"""A provision request is one durable transaction, or a refusal that writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.cloud import Billing, BillingStart, Planting, PlantingMethod, StoppedBilling
from gpushopper.core.policy import REAL
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import NoOffer, NotFound, NotReady, Refused, ShopperError, UsageError
from gpushopper.store import ledger, sessions
from gpushopper.store.installation import HomeStatus, Installation
from tests.sim.world import World


def request(world: World, **changes: object) -> wire.ProvisionRequest:
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR))
    made = wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=plan.duration_us, image=plan.image
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("age_s", "is_refused"), [(290, False), (310, True), (86_400, True)])
def test_a_plan_that_is_too_old_is_refused(world: World, age_s: float, is_refused: bool):
    """The command plans anew after a minute; another client may post what it planned yesterday."""
    asked = request(world)
    before = rows(world)
    world.run_for(age_s)
    if not is_refused:
        assert world.requests.provision(asked).sessions
        return
    with pytest.raises(NoOffer) as refused:
        world.requests.provision(asked)
    assert (refused.value.code, refused.value.exit_code) == ("plan_too_old", 7)
    assert "plan again" in refused.value.hint and rows(world) == before


def test_an_old_plan_is_refused_whatever_the_cloud_says_of_its_date(world: World):
    """Some answers have no date, and a cloud's clock is not ours."""
    asked = request(world)
    now = world.clock.now().wall
    assert all(0 <= now - offer.seen_at < us(61) for offer in asked.offers)
    mixed = [asked.offers[0], replace(asked.offers[0], seen_at=now - us(400))]
    with pytest.raises(NoOffer):
        world.requests.provision(replace(asked, offers=mixed))


def rows(world: World) -> int:
    return len(sessions.load_sessions(world.store)) + len(sessions.load_attempts(world.store, open_only=False))


def test_a_repeated_idempotency_key_gets_the_stored_response_and_makes_one_session(world: World):
    once = IdempotencyKey("key-1", "POST", "/api/v1/sessions", "digest")
    first = world.requests.provision(request(world), once)
    world.run_for(60)
    assert world.requests.provision(request(world), once) == first
    assert len(sessions.load_sessions(world.store)) == 1
    assert len(world.ledger()["creates"]) == 1


def test_a_key_used_for_something_else_is_refused(world: World):
    world.requests.provision(request(world), IdempotencyKey("key-1", "POST", "/api/v1/sessions", "digest"))
    with pytest.raises(UsageError) as error:
        world.requests.provision(request(world), IdempotencyKey("key-1", "POST", "/api/v1/sessions", "other"))
    assert error.value.code == "idempotency_mismatch"


def test_an_idempotency_key_survives_a_killed_daemon(world: World):
    once = IdempotencyKey("key-1", "POST", "/api/v1/sessions", "digest")
    asked = request(world)
    first = world.requests.provision(asked, once)
    world.restart()
    assert world.requests.provision(asked, once) == first


def test_a_provision_draws_one_id_for_the_session_and_one_for_the_label(world: World):
    asked, ctx = request(world), world.engine.ctx
    drawn: list[str] = []
    draw = ctx.new_id

    def record(length: int) -> str:
        drawn.append(draw(length))
        return drawn[-1]

    ctx.new_id = record
    session = world.requests.provision(asked).sessions[0]
    [attempt] = sessions.load_attempts(world.store)
    assert (attempt.session_id, attempt.ordinal, attempt.offer.key) == (session, 1, asked.offers[0].key)
    assert drawn == [session, attempt.id]
    assert attempt.id in attempt.label


def test_a_plan_without_a_duration_is_for_two_hours(world: World):
    assert world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"))).duration_us == 2 * HOUR


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("A", "x\ny", "line break"), ("A", "x\r", "line break"), ("A", "x\0y", "NUL"), ("1A", "x", "not a variable name"),
     ("A B", "x", "not a variable name"), ("", "x", "not a variable name"), ("GS_LABEL", "x", "are ours"), ("A",
     "x" * 257, "256")],
)  # fmt: skip
def test_a_variable_that_no_cloud_carries_is_refused_and_writes_nothing(world: World, name: str, value: str, said: str):
    before = rows(world)
    with pytest.raises(UsageError, match=said) as error:
        world.requests.provision(request(world, environment={name: value}))
    assert (error.value.exit_code, rows(world)) == (2, before)


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (SpendingLimits(open_sessions=0), "brakes.open_sessions"),
        (SpendingLimits(creates_per_hour=0), "brakes.creates_per_hour"),
        (SpendingLimits(dollars_per_hour=1000), "brakes.dollars_per_hour"),
    ],
)
def test_a_spending_limit_names_its_key_and_writes_nothing(tmp_path: Path, limits: SpendingLimits, rule: str):
    world = World(tmp_path, limits=limits).start().ready()
    before = rows(world)
    with pytest.raises(Refused) as error:
        world.requests.provision(request(world))
    assert (error.value.code, error.value.exit_code, rows(world)) == (rule, 6, before)


def test_a_balance_below_the_reserve_is_refused(world: World):
    world.fault("account", "zero_balance")
    world.engine.wake()
    world.run_for(400)
    with pytest.raises(Refused) as error:
        world.requests.provision(request(world))
    assert (error.value.code, rows(world)) == ("balance", 0)


def test_nothing_is_rented_before_the_first_complete_list(tmp_path: Path):
    world = World(tmp_path).start()
    asked = request(world)
    with pytest.raises(NotReady):
        world.requests.provision(asked)


def test_a_real_endpoint_is_refused_until_instances_can_end_by_themselves(world: World):
    reconciler = world.engine.reconcilers["vast"]
    reconciler.setup = replace(reconciler.setup, is_local=False)
    with pytest.raises(Refused) as error:
        world.requests.provision(request(world))
    assert (error.value.code, error.value.exit_code) == ("no_guard", 6)


def test_a_copied_home_rents_nothing_but_still_ends_sessions(world: World):
    session = world.provision()
    assert world.running(session)
    world.engine.ctx.installation = Installation(world.engine.ctx.installation.id, HomeStatus.MOVED)
    with pytest.raises(Refused) as error:
        world.requests.provision(request(world))
    assert error.value.code == "home_copied"
    world.requests.end([session])
    assert world.ended(session)
    assert world.our_instances() == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"duration_us": 13 * HOUR}, Refused),
        ({"duration_us": -1}, UsageError),
        ({"duration_us": None, "deadline_at": 5}, UsageError),
        ({"max_duration_us": 24 * HOUR, "duration_us": 20 * HOUR}, UsageError),
        ({"max_rate": 1}, NoOffer),
        ({"disk_gb": -1.0}, UsageError),
        ({"disk_gb": float("nan")}, UsageError),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, changes: dict[str, object], kind: type[ShopperError]):
    with pytest.raises(kind):
        world.requests.provision(request(world, **changes))
    assert rows(world) == 0


def test_a_longer_duration_with_a_reason_is_allowed_at_provision(world: World):
    asked = request(world, max_duration_us=24 * HOUR, max_duration_reason="overnight", duration_us=20 * HOUR)
    session = world.requests.provision(asked).sessions[0]
    view = world.view(session)
    assert view.deadline_at is not None and view.hard_max_at is not None
    assert view.hard_max_at - view.created_at == 24 * HOUR


def test_extending_moves_the_deadline_and_the_reserve_but_not_past_the_hard_maximum(world: World):
    session = world.provision(hours=2)
    assert world.running(session)
    before = world.view(session)
    after = world.requests.extend(session, wire.ExtendRequest(add_us=HOUR))
    assert before.deadline_at is not None and after.deadline_at == before.deadline_at + HOUR
    assert after.max_cost > before.max_cost
    with pytest.raises(Refused):
        world.requests.extend(session, wire.ExtendRequest(add_us=10 * HOUR))
    assert world.view(session).deadline_at == after.deadline_at


def test_an_ending_session_cannot_be_extended(world: World):
    session = world.provision()
    assert world.running(session)
    world.requests.end([session])
    with pytest.raises(Refused):
        world.requests.extend(session, wire.ExtendRequest(add_us=HOUR))


def test_ending_all_ends_all_and_names_are_found_by_prefix(world: World):
    made = [world.provision(name=name) for name in ("alpha", "beta", "alto")]
    assert all(world.running(session) for session in made)
    assert world.requests.session("bet").id == made[1]
    with pytest.raises(NotFound):
        world.requests.session("al")
    assert len(world.requests.end(None).sessions) == 3
    assert all(world.ended(session) for session in made)


def test_an_open_name_is_taken(world: World):
    world.provision(name="alpha")
    with pytest.raises(UsageError) as error:
        world.provision(name="alpha")
    assert error.value.code == "name_taken"


def test_a_plan_names_the_cheapest_when_the_cap_is_too_low(world: World):
    search = wire.SearchRequest(gpu="4090", max_rate=1000)
    with pytest.raises(NoOffer, match="the cheapest is"):
        world.requests.plan(wire.PlanRequest(search=search))


@pytest.mark.parametrize("spelling", ["4090", "rtx4090", "RTX_4090", "RTX 4090", "rtx-4090"])
def test_a_plan_accepts_other_spellings_of_a_gpu(world: World, spelling: str):
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu=spelling)))
    assert {offer.gpu for offer in plan.offers} == {"RTX 4090"}


def test_an_unknown_gpu_is_answered_with_close_names(world: World):
    with pytest.raises(NotFound) as error:
        world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4099")))
    assert "RTX 4090" in error.value.hint


def test_an_offer_can_be_planned_by_its_key_without_a_search_before(world: World):
    key = world.requests.inventory(wire.SearchRequest(gpu="4090")).offers[3].key
    world.restart().ready()
    plan = world.requests.plan(wire.PlanRequest(offer=key))
    assert [offer.key for offer in plan.offers] == [key]


def test_the_max_cost_of_a_plan_covers_what_the_session_costs(world: World):
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR))
    session = world.provision(hours=2)
    assert world.running(session)
    assert world.view(session).max_cost <= plan.max_cost
    world.run_for(2 * 3600 - 120)
    assert world.view(session).accrued <= plan.max_cost


def test_our_ledger_and_the_sandboxs_agree_to_the_last_millicent(world: World):
    session = world.provision(hours=2)
    assert world.running(session)
    world.run_for(3000)
    world.requests.end([session])
    assert world.ended(session)
    truth = world.ledger()["instances"][0]
    receipt = world.view(session).attempts[0].receipt
    assert receipt is not None
    for kind, name in (("gpu", "gpu_usd"), ("storage", "storage_usd")):
        # Polls are up to half a second from each change: a wrong rate of a tenth of a cent an hour would still show.
        assert receipt["cost"][kind] == pytest.approx(float(truth[name]) * us(1), rel=0.002)


def test_a_repetition_is_answered_although_it_would_be_refused_now(world: World):
    key = IdempotencyKey("key-1", "POST", "/api/v1/sessions", "digest")
    made = request(world)
    first = world.requests.provision(made, key)
    world.engine.ctx.installation = Installation(world.engine.ctx.installation.id, HomeStatus.MOVED)
    assert world.requests.provision(made, key) == first


MEMBER = "ssh-ed25519 " + "B" * 68


def test_the_ssh_key_is_durable_before_the_first_row_and_only_for_a_request_that_passed(tmp_path: Path):
    world = World(tmp_path, policy=REAL).start().ready()
    written: list[int] = []

    def public_key(session_id: str) -> str:
        assert not world.store.is_writing
        written.append(rows(world))
        return "ssh-ed25519 KEY"

    assert world.remote is not None
    world.remote.public_key = public_key  # type: ignore[method-assign]
    made = replace(request(world), ssh_key=MEMBER)
    with pytest.raises(UsageError):
        world.requests.provision(replace(made, name="-"))
    assert written == []
    key = IdempotencyKey("key-1", "POST", "/api/v1/sessions", "digest")
    for _ in range(2):
        world.requests.provision(made, key)
    assert (written, rows(world)) == ([0], 2)
    (kept,) = world.home.ssh_keys.glob("*.member")
    assert kept.read_text() == f"{MEMBER}\n"


@pytest.mark.parametrize(
    ("method", "expected"), [(PlantingMethod.ONSTART, ""), (PlantingMethod.CLOUD_INIT, "ssh-ed25519 AAAA")]
)
def test_the_ssh_key_goes_with_the_create_where_the_cloud_takes_it_there(
    tmp_path: Path, method: PlantingMethod, expected: str
):
    world = World(tmp_path, policy=REAL).start().ready()
    client, sent = world.engine.reconcilers["vast"].client, []
    assert client is not None
    client.traits = replace(client.traits, planting=Planting(method))
    create = client.create
    client.create = lambda payload, limit_s: (sent.append(payload), create(payload, limit_s))[1]  # type: ignore
    (session,) = world.requests.provision(request(world)).sessions
    world.run_for(30)
    (payload,) = sent
    assert payload.public_key == (expected and f"{expected}{session}")


def test_the_terms_of_an_offer_come_back_with_the_request_and_are_billed_by(world: World):
    made = request(world)
    terms = wire.BillingView(begins="create", granularity_s=60, minimum_s=7200, stopped="all")
    world.requests.provision(replace(made, offers=[replace(offer, billing=terms) for offer in made.offers]), None)
    world.run_for(3)
    (attempt,) = sessions.load_attempts(world.store)
    assert attempt.offer.billing == Billing(BillingStart.CREATE, 60, 7200, StoppedBilling.ALL)
    assert attempt.sent_at is not None and attempt.is_gpu_billed, "its GPU bills from the create on"
    world.run_for(600)
    world.requests.end([attempt.session_id])
    world.run_for(1800)
    (closed,) = sessions.load_attempts(world.store, open_only=False)
    totals = ledger.totals_by_attempt(world.store)[closed.id]
    assert not closed.is_open and not closed.is_running
    assert sum(totals.values()) == pytest.approx(2 * closed.agreed_rate, rel=0.001), "two hours, however short it was"


@pytest.mark.parametrize("wrong", [{"kind": "bid"}, {"billing": wire.BillingView(begins="soon")}])
def test_an_offer_that_cannot_be_read_is_refused(world: World, wrong: dict[str, object]):
    made = request(world)
    with pytest.raises(UsageError, match="cannot be read"):
        world.requests.provision(replace(made, offers=[replace(made.offers[0], **wrong)]), None)  # type: ignore[arg-type]
    assert rows(world) == 0
