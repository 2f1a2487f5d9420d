"""Supply, life cycle and billing, compared with sums made by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.catalogue import generate_supply
from gpushopper.sandbox.market.market import Market, NoCredit, OfferGone
from gpushopper.sandbox.market.model import InstanceSpec, Phase
from gpushopper.sandbox.timing import DAY, HOUR, parse_duration, rfc3339


@pytest.fixture
def market(clock):
    return Market(clock, BUILT_IN.values(), seed=1, boot_seconds=4.0)


def rent(market, **spec):
    offer = next(o for o in market.supply["vast"].offers.values() if market.is_free(o))
    return market.rent(7001, InstanceSpec(offer.id, image="ubuntu", **spec))


def run(market, clock, instance):
    """Pass the boot; return the instant it was running."""
    clock.pass_seconds(60)
    market.settle()
    assert instance.phase is Phase.RUNNING
    return instance.history[-1][0]


def test_supply_is_rich_and_the_same_for_a_seed():
    supply = generate_supply("vast", 1, 40_000)
    singles = Counter(o.host.gpu.name for o in supply.offers.values() if o.gpu_count == 1)
    assert len({o.host.gpu.name for o in supply.offers.values()}) >= 25
    assert singles["RTX 4090"] > 64
    assert {o.gpu_count for o in supply.offers.values()} == {1, 2, 4, 8}
    assert len({o.host.country for o in supply.offers.values()}) > 5
    assert supply == generate_supply("vast", 1, 40_000)
    assert supply != generate_supply("vast", 2, 40_000)


def test_an_instance_boots_in_order_on_the_markets_clock(market, clock):
    instance = rent(market)
    run(market, clock, instance)
    assert [phase for _, phase in instance.history] == ["fresh", "created", "loading", "running"]
    times = [at for at, _ in instance.history]
    assert times == sorted(times)
    assert 2_000_000 < times[-1] - times[0] < 6_000_000


def test_gpu_bills_only_while_running_and_disk_always(market, clock):
    instance = rent(market, disk_gb=72.0)
    since = run(market, clock, instance)
    clock.pass_seconds(3600)
    market.settle()
    actions.stop(market, instance, "api")
    clock.pass_seconds(7200)
    market.settle()
    actions.destroy(market, instance, "api")
    clock.pass_seconds(7200)
    market.settle()
    ran = clock.now - 2 * 7200_000_000 - since
    meter = instance.meter
    assert (meter.gpu_us, meter.storage_us) == (ran, 60_000_000 + 3600_000_000 + 7200_000_000)
    per_month = market.offer_of(instance).host.storage_micros_gb_month
    assert instance.storage_rate == per_month // 10  # 72 GB of 720 hours
    assert meter.gpu_units == ran * instance.gpu_rate
    assert meter.storage_units == meter.storage_us * instance.storage_rate
    account = market.accounts[7001]
    assert account.spent_units == meter.units
    assert account.credit_micros == 100_000_000 - meter.units // HOUR


def test_settling_often_bills_the_same_as_settling_once(clock):
    usage = []
    for steps in (1, 997):
        clock.now = 1_793_300_000_000_000
        market = Market(clock, BUILT_IN.values(), seed=1)
        instance = rent(market)
        for _ in range(steps):
            clock.now += 3_600_000_000 // steps
            market.settle()
        clock.now = 1_793_300_000_000_000 + 3_600_000_000
        market.settle()
        usage.append(instance.meter)
    assert usage[0] == usage[1]


def test_a_rented_offer_is_taken_until_the_instance_is_destroyed(market, clock):
    instance = rent(market)
    offer = market.offer_of(instance)
    with pytest.raises(OfferGone):
        market.rent(7001, InstanceSpec(offer.id, image="ubuntu"))
    actions.stop(market, instance, "api")
    with pytest.raises(OfferGone):
        market.rent(7001, InstanceSpec(offer.id, image="ubuntu"))
    actions.destroy(market, instance, "api")
    assert market.rent(7001, InstanceSpec(offer.id, image="ubuntu")).id != instance.id


def test_offers_of_one_host_share_its_gpus(market):
    offers = market.supply["vast"].offers.values()
    whole = next(o for o in offers if o.gpu_count == o.host.gpu_count == 8)
    part = next(o for o in offers if o.host is whole.host and o.gpu_count == 2)
    market.rent(7001, InstanceSpec(part.id, image="ubuntu"))
    assert not market.is_free(whole)


def test_an_instance_stops_when_credit_is_exhausted_and_storage_is_still_billed(market, clock):
    instance = rent(market, disk_gb=100.0)
    since = run(market, clock, instance)
    account = market.accounts[7001]
    account.paid_in_micros = account.spent_units // HOUR + 1_000
    left = account.paid_in_micros * HOUR - account.spent_units
    rate = instance.gpu_rate + instance.storage_rate + instance.traffic_rate
    clock.pass_seconds(3600 * 5)
    market.settle()
    stopped_at = instance.history[-1][0]
    assert (instance.phase, instance.stopped_by) == (Phase.STOPPED, "credit")
    assert stopped_at == since + (clock.now - 3600 * 5 * 1_000_000 - since) + -(-left // rate)
    assert account.credit_micros < 0
    with pytest.raises(NoCredit):
        rent(market)


def test_a_contract_ends_then_the_host_deletes_it(market, clock):
    instance = rent(market)
    clock.now = instance.contract_end + 1
    market.settle()
    assert (instance.phase, instance.stopped_by) == (Phase.STOPPED, "contract_end")
    assert not actions.start(market, instance)
    clock.now += 2 * DAY
    market.settle()
    assert (instance.phase, instance.ended_by) == (Phase.GONE, "host")


def test_an_offline_host_bills_nothing_until_it_is_online_again(market, clock):
    instance = rent(market)
    run(market, clock, instance)
    before = instance.meter.units
    actions.revise(market, instance, "offline_host", "6h")
    clock.pass_seconds(6 * 3600 - 1)
    market.settle()
    assert (instance.phase, instance.meter.units) == (Phase.OFFLINE, before)
    clock.pass_seconds(1 + 60)
    market.settle()
    assert instance.phase is Phase.RUNNING
    assert instance.meter.gpu_units > 0
    assert instance.meter.units > before


@pytest.mark.parametrize(("action", "ended_by"), [("destroy", "operator"), ("host_destroy", "host"), ("outbid", None)])
def test_the_ledger_says_who_destroyed_an_instance(market, action, ended_by):
    instance = rent(market, bid_micros=400_000)
    actions.revise(market, instance, action, None)
    assert instance.ended_by == ended_by
    assert instance.stopped_by == ("outbid" if action == "outbid" else None)


def test_an_unknown_action_is_refused(market):
    with pytest.raises(ValueError, match="unknown action"):
        actions.revise(market, rent(market), "explode", None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("3 min", 180), (0.5, 0.5), ("1d", 86400)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds * 1_000_000


@pytest.mark.parametrize("text", ["", "soon", "-5", "10x", -1])
def test_no_durations(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_times_are_rfc3339():
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_500_000) == "1970-01-01T00:00:01.500000Z"


def test_a_clock_that_never_stands_still_bills_every_microsecond_once(clock):
    market = Market(clock, BUILT_IN.values(), seed=1, boot_seconds=0.001)
    instance = rent(market)
    ticking = iter(range(clock.now, clock.now + 10**9, 777))
    market.clock = lambda: next(ticking)
    for _ in range(50):
        market.settle()
        actions.stop(market, instance, "api")
        market.settle()
        actions.start(market, instance)
    market.settle()
    actions.destroy(market, instance, "api")
    assert instance.meter.storage_us == instance.ended_at - instance.created_at
    ends = [at for at, _ in instance.history[1:]]
    ran = sum(end - at for (at, phase), end in zip(instance.history, ends, strict=False) if phase is Phase.RUNNING)
    assert instance.meter.gpu_us == ran > 0
