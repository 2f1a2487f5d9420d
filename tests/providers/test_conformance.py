"""What every adapter must do, against its simulated provider with rate limits on (D17)."""

from __future__ import annotations

import pytest

from gpushopper.core.cloud import Identity, ListProof, OfferKind
from gpushopper.core.model.guard_recipe import SelfDestroy, fits
from gpushopper.core.model.instance import StatusClass
from gpushopper.core.model.label import parse_label
from gpushopper.core.model.money import is_sane_rate
from gpushopper.providers.base import (
    Account,
    Created,
    DestroyOutcome,
    Endpoint,
    ErrorKind,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    Marks,
    OfferList,
    OfferQuery,
    ReadFailed,
    Refusal,
    RejectedCreate,
    marking,
)
from gpushopper.providers.restarts import restarting
from tests.providers.stage import LIMIT_S, PUBLIC_KEY, Stage, connect_to


def listing(stage: Stage) -> InstanceList:
    found = stage.provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList), found
    return found


def test_traits_say_what_the_rules_need(stage: Stage):
    traits = stage.provider.traits
    assert traits.name == stage.name
    assert traits.ending.bulk_destroy >= 1


def test_the_account_has_a_date_and_where_it_is_told_an_id_and_a_balance(stage: Stage):
    account = stage.provider.fetch_account(LIMIT_S)
    assert isinstance(account, Account)
    is_told = stage.provider.traits.identity is Identity.TOLD
    assert bool(account.account_id) == is_told
    assert account.balance == (100_000_000 if is_told else None)
    assert account.date is not None and abs(account.date - stage.clock.wall()) < 2_000_000


def test_an_instance_is_found_from_create_until_destroy(stage: Stage):
    instance_id = stage.rent()
    (listed,) = listing(stage).instances
    seen = stage.provider.fetch_instance(instance_id, LIMIT_S)
    assert isinstance(seen, InstanceFound)
    assert seen.instance.instance_id == listed.instance_id == instance_id
    assert seen.instance.status is StatusClass.RUNNING
    naming = stage.provider.traits.naming
    assert [carrier for carrier, _ in listed.carriers] == list(naming.carriers)
    assert [parse_label(text) for text in listed.label_texts] == [listed.owner()] * len(naming.carriers)
    assert listed.ssh_host and listed.ssh_port
    assert listed.ssh_user in (None, stage.provider.traits.planting.user)

    (gone,) = stage.provider.destroy((instance_id,), LIMIT_S)
    assert gone.outcome is DestroyOutcome.ACKNOWLEDGED
    stage.later()
    assert isinstance(stage.provider.fetch_instance(instance_id, LIMIT_S), InstanceNotFound)
    assert listing(stage) == InstanceList((), complete=True, date=stage.clock.wall() // 1_000_000 * 1_000_000)
    (again,) = stage.provider.destroy((instance_id,), LIMIT_S)
    assert again.outcome is DestroyOutcome.NOT_FOUND


def test_offer_and_instance_agree_on_host_and_price(stage: Stage):
    request = stage.request()
    stage.later()
    created = stage.provider.create(request, 60.0)
    assert isinstance(created, Created) and created.success_flag
    (row,) = listing(stage).instances
    assert row.host_id == request.offer.host_id
    assert row.gpu == request.offer.gpu and row.gpu_count == request.offer.gpu_count
    # Unit prices are rounded up, so that what is reserved is enough.
    assert row.rate is not None and row.rate <= request.offer.rate(request.disk_gb) <= row.rate * 1.0001 + 1
    assert row.gpu_rate in (None, request.offer.gpu_rate)
    assert row.disk_gb == request.disk_gb == request.offer.disk_for(request.disk_gb)
    assert (row.created_at is None) == (row.ends_at is None)


def test_a_long_list_is_whole(stage: Stage):
    ids = set(stage.crowd(60))
    found = listing(stage)
    assert found.complete and found.is_whole(stage.provider.traits.limits.list_proof), found.detail
    assert found.total == (60 if stage.provider.traits.limits.list_proof is ListProof.TOTAL else None)
    assert {row.instance_id for row in found.instances} == ids


def test_a_label_can_be_changed_where_the_cloud_has_such_a_call(stage: Stage):
    instance_id = stage.rent()
    label = stage.label()
    if not stage.provider.traits.naming.can_relabel:
        assert not stage.provider.set_label(instance_id, label, LIMIT_S)
        return
    assert stage.provider.set_label(instance_id, label, LIMIT_S)
    assert listing(stage).instances[0].label == label
    stage.later()
    assert not stage.provider.set_label("1", label, LIMIT_S)


def test_a_key_can_be_attached_to_a_living_instance(stage: Stage):
    instance_id = stage.rent()
    stage.later()
    attaches = stage.provider.traits.planting.attaches_keys
    assert stage.provider.attach_key(instance_id, PUBLIC_KEY, LIMIT_S) == attaches
    stage.later()
    assert not stage.provider.attach_key("1", PUBLIC_KEY, LIMIT_S)


def test_how_an_instance_ends_is_of_the_kind_that_the_traits_declare(stage: Stage):
    recipe = stage.provider.guard_recipe
    assert fits(recipe, stage.provider.traits.ending.kind)
    if isinstance(recipe, SelfDestroy):
        assert all("$ID" in call.path + call.body for call in (recipe.read, *recipe.destroy))


def test_a_mark_is_of_one_account_and_found_again(stage: Stage):
    client = marking(stage.provider)
    if client is None:
        # Where the account is told, nothing has to prove it.
        assert stage.provider.traits.identity is Identity.TOLD
        return
    assert client.fetch_marks(LIMIT_S) == Marks(frozenset())
    stage.later()
    made = [client.add_mark("gpu-shopper a", PUBLIC_KEY, LIMIT_S), stage.later()][0]
    assert isinstance(made, str) and client.fetch_marks(LIMIT_S) == Marks(frozenset({made}))
    key = stage.world.market.keys_of(stage.name)[1]
    theirs = marking(connect_to(stage.name, stage.transport, key, stage.clock))
    assert theirs is not None and theirs.fetch_marks(LIMIT_S) == Marks(frozenset())


def test_many_instances_are_destroyed_in_the_fewest_calls(stage: Stage):
    ids = stage.crowd(5)
    before = len(stage.transport.sent)
    outcomes = stage.provider.destroy(ids, LIMIT_S)
    assert len(outcomes) == len(ids)
    if stage.provider.traits.ending.bulk_destroy >= 5:
        assert len(stage.transport.sent) - before == 1
        assert {o.outcome for o in outcomes} == {DestroyOutcome.ACKNOWLEDGED}
        assert stage.living == 0


@pytest.mark.parametrize("word", ["reset", "status", "500_done", "hang", "429"])
def test_a_destroy_is_never_retried(stage: Stage, word: str):
    ids = stage.crowd(2)
    stage.fault("destroy", word, {"status": "503", "429": "9"}.get(word))
    before = len(stage.transport.sent)
    stage.provider.destroy(ids[:1], LIMIT_S)
    assert len(stage.transport.sent) == before + 1


def test_every_offer_found_is_priced_and_rentable(stage: Stage):
    found = stage.provider.search(OfferQuery(limit=64, disk_gb=50.0), LIMIT_S)
    assert isinstance(found, OfferList)
    assert found.complete == (len(found.offers) < 64) and len(found.offers) > 20
    for offer in found.offers:
        assert is_sane_rate(offer.gpu_rate) and offer.disk_gb >= 50.0 and offer.kind is OfferKind.ON_DEMAND
        assert offer.seen_at == found.date
        assert not offer.region.startswith((",", " "))
    rates = [offer.rate(50.0) for offer in found.offers]
    assert rates == sorted(rates)


def test_a_search_finds_only_what_fits_its_filter(stage: Stage):
    names = stage.provider.gpu_names(LIMIT_S)
    assert isinstance(names, tuple) and names == tuple(sorted(set(names))) and len(names) > 3
    stage.later()
    found = stage.provider.search(OfferQuery(gpus=names[:1], min_gpus=2, min_vram_mb=8000), LIMIT_S)
    assert isinstance(found, OfferList)
    assert {o.gpu for o in found.offers} <= set(names[:1])
    assert all(o.gpu_count >= 2 and o.vram_mb >= 8000 for o in found.offers)


def test_the_first_offers_are_the_cheapest_of_all(stage: Stage):
    everything = stage.provider.search(OfferQuery(limit=None), 3600.0)
    assert isinstance(everything, OfferList) and everything.complete
    ids = [offer.offer_id for offer in everything.offers]
    assert len(ids) == len(set(ids)) > 20
    # Of Vast more than one reply holds: 30 s reach for five requests at its gap of 6 s.
    first = min(len(ids) - 1, 150)
    stage.later()
    few = stage.provider.search(OfferQuery(limit=first), LIMIT_S)
    assert isinstance(few, OfferList) and not few.complete
    assert [o.offer_id for o in few.offers] == ids[:first]


def test_a_call_before_its_rate_limit_allows_is_not_sent_yet(stage: Stage):
    provider, now = stage.provider, stage.clock.monotonic
    assert isinstance(provider.fetch_instances(LIMIT_S), InstanceList)
    allowed = provider.available_at(Endpoint.LIST)
    assert allowed > now()
    before = len(stage.transport.sent)
    if provider.traits.pace.calls:
        # Calls of one account hold each other back: one that is only a little early waits.
        assert isinstance(provider.fetch_instances(LIMIT_S), InstanceList) and now() >= allowed
        return
    early = provider.fetch_instances(LIMIT_S)
    assert isinstance(early, ReadFailed) and early.error_kind is ErrorKind.THROTTLED
    assert early.retry_after_s is not None and 0 < early.retry_after_s <= 2
    assert len(stage.transport.sent) == before
    stage.later(early.retry_after_s)
    assert provider.available_at(Endpoint.LIST) <= now()
    assert isinstance(provider.fetch_instances(LIMIT_S), InstanceList)


def test_reads_use_no_rate_limit_of_destroys(stage: Stage):
    instance_id = stage.rent()
    listing(stage)
    stage.provider.fetch_instance(instance_id, LIMIT_S)
    assert stage.provider.available_at(Endpoint.DESTROY) <= stage.clock.monotonic()


def test_a_create_before_its_rate_limit_allows_is_refused_and_not_sent(stage: Stage):
    request = stage.request()
    assert isinstance(stage.provider.create(request, 60.0), Created)
    refused = stage.provider.create(request, 60.0)
    assert isinstance(refused, RejectedCreate) and refused.why is Refusal.THROTTLED
    assert refused.retry_after_s is not None
    assert stage.living == 1


def test_an_offer_already_taken_is_refused(stage: Stage):
    request = stage.request()
    if not request.offer.is_single:
        stage.fault("create", "unavailable", after=1)
    assert isinstance(stage.provider.create(request, 60.0), Created)
    stage.later()
    refused = stage.provider.create(request, 60.0)
    assert isinstance(refused, RejectedCreate) and refused.why is Refusal.OFFER_GONE
    assert stage.living == 1


def test_a_key_of_another_account_shows_another_account_where_it_is_told(stage: Stage):
    mine = stage.provider.fetch_account(LIMIT_S)
    other = connect_to(stage.name, stage.transport, stage.world.market.keys_of(stage.name)[1], stage.clock)
    theirs = other.fetch_account(LIMIT_S)
    assert isinstance(mine, Account) and isinstance(theirs, Account)
    is_told = stage.provider.traits.identity is Identity.TOLD
    assert (mine.account_id != theirs.account_id) == is_told


def test_a_wrong_key_is_never_an_empty_account(stage: Stage):
    instance_id = stage.rent()
    request = stage.request()
    wrong = connect_to(stage.name, stage.transport, "0" * 64, stage.clock)
    for answer in (
        wrong.fetch_account(LIMIT_S),
        wrong.fetch_instances(LIMIT_S),
        wrong.fetch_instance(instance_id, LIMIT_S),
    ):
        assert isinstance(answer, ReadFailed) and answer.error_kind is ErrorKind.AUTH, answer
    assert wrong.destroy((instance_id,), LIMIT_S)[0].outcome is DestroyOutcome.KEY_REJECTED
    refused = wrong.create(request, 60.0)
    assert isinstance(refused, RejectedCreate) and refused.why is Refusal.AUTH and refused.date is None
    assert stage.exists(instance_id)


@pytest.mark.parametrize("strange", ["", "../1", "1?a=b", "1/../2", "-1", "0", "1" * 40, "\u0661", "1\n", "1 ", "x"])
def test_an_invalid_id_is_never_sent_in_a_path(stage: Stage, strange: str):
    sent = len(stage.transport.sent)
    assert isinstance(stage.provider.fetch_instance(strange, LIMIT_S), ReadFailed)
    assert stage.provider.destroy((strange,), LIMIT_S)[0].outcome is DestroyOutcome.UNKNOWN
    assert not stage.provider.set_label(strange, "x", LIMIT_S)
    assert len(stage.transport.sent) == sent


def test_after_close_every_call_still_answers(stage: Stage):
    request = stage.request()
    stage.provider.close()
    assert isinstance(stage.provider.fetch_account(LIMIT_S), ReadFailed)
    assert isinstance(stage.provider.fetch_instances(LIMIT_S), ReadFailed)
    assert isinstance(stage.provider.search(OfferQuery(), LIMIT_S), ReadFailed)
    assert stage.provider.destroy(("1",), LIMIT_S)[0].outcome is DestroyOutcome.UNKNOWN
    refused = stage.provider.create(request, 60.0)
    assert isinstance(refused, RejectedCreate) and refused.why is Refusal.NEVER_SENT


def test_a_known_api_has_no_unknown_fields(stage: Stage):
    stage.rent()
    listing(stage)
    stage.provider.search(OfferQuery(), LIMIT_S)
    assert stage.provider.unknown_fields == {}


def test_a_restart_keeps_the_instance_where_there_is_such_a_call(stage: Stage):
    able = restarting(stage.provider)
    if able is None:
        return
    instance_id = stage.rent()
    (before,) = listing(stage).instances
    assert able.restart(instance_id, LIMIT_S)
    stage.later()
    (after,) = listing(stage).instances
    assert (after.instance_id, after.carriers, after.status) == (instance_id, before.carriers, StatusClass.RUNNING)
    stage.fault("any", "status", "500")
    assert not able.restart(instance_id, LIMIT_S) and not able.restart("../1", LIMIT_S)
