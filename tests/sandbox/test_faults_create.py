"""Faults of create: the reply, what really happened, and that each counts its acts."""

from __future__ import annotations

import pytest

from gpushopper.sandbox.market.actions import launch_foreign

HEADER = "X-Sandbox-Transport"


def acted(shop):
    return [fault.acted for fault in shop.state.faults.faults]


def there(shop):
    return len(shop.state.market.existing_instances())


CREATES = [
    # word, arg, status, transport, told id is real, instances there, effect in the ledger
    ("drop", None, 503, "hang", False, 0, "none"),
    ("commit_then_500", None, 500, None, False, 1, "created"),
    ("commit_then_hang", None, 200, "hang", False, 1, "created"),
    ("commit_then_reset", None, 200, "reset", False, 1, "created"),
    ("commit_then_garbage", None, 200, None, False, 1, "created"),
    ("commit_then_no_id", None, 200, None, False, 1, "created"),
    ("error_with_id", None, 400, None, True, 1, "created"),
    ("error_with_id", "200", 200, None, True, 1, "created"),
    ("dup", None, 200, None, True, 2, "created_two"),
    ("stopped", None, 200, None, True, 1, "created"),
    ("label_drop", None, 200, None, True, 1, "created"),
    ("label_cut", "20", 200, None, True, 1, "created"),
    ("env_drop", None, 200, None, True, 1, "created"),
    ("stuck_loading", None, 200, None, True, 1, "created"),
    ("start_failure", None, 200, None, True, 1, "created"),
    ("unavailable", None, 200, None, True, 1, "created"),
    ("reject", "no_such_ask", 400, None, False, 0, "none"),
    ("reject", "insufficient_credit", 400, None, False, 0, "none"),
    ("reject", "503", 503, None, False, 0, "none"),
    ("id_never_exists", None, 200, None, False, 0, "none"),
    ("refused_yet_created", None, 400, None, False, 1, "created"),
    ("late", "6m", 503, "hang", False, 0, "created_later"),
    ("stranger_id", None, 200, None, True, 2, "created"),
    ("stranger_id", "labelled", 200, None, True, 2, "created"),
]


@pytest.mark.parametrize(("word", "arg", "status", "transport", "real", "count", "effect"), CREATES)
def test_create_faults_have_their_reply_and_effect(shop, word, arg, status, transport, real, count, effect):
    shop.fault("create", word, arg, count=1)
    answer = shop.create("gs1-abcdefghijklmnopqrstuvwxyz")
    assert (answer.status_code, answer.headers.get(HEADER)) == (status, transport)
    told = (answer.get_json(silent=True) or {}).get("new_contract")
    assert (told in shop.state.market.instances) is real
    assert (there(shop), acted(shop)) == (count, [1])
    (seen,) = shop.ledger()["creates"]
    assert seen["outcome"]["effect"] == effect
    shop.create()
    assert acted(shop) == [1]


@pytest.mark.parametrize(
    ("arg", "is_new", "label"), [(None, False, "theirs"), ("unlabelled", True, None), ("labelled", True, "not-yours")]
)
def test_stranger_id_answers_a_create_with_a_foreign_instances_id(shop, arg, is_new, label):
    theirs = launch_foreign(shop.state.market, "vast", "theirs")
    shop.fault("create", "stranger_id", arg, count=1)
    told = shop.instance(shop.rent("ours"))
    assert (told.spec.foreign, told.id != theirs.id, told.label) == (True, is_new, label)
    assert [row["label"] for row in shop.listed()["instances"]].count("ours") == 1


def test_stranger_id_sibling_answers_with_the_id_of_the_create_before(shop):
    first = shop.rent("first")
    shop.fault("create", "stranger_id", "sibling", count=1)
    assert shop.rent("second") == first


def test_a_lost_reply_carries_no_byte_of_it(shop):
    shop.fault("create", "commit_then_reset")
    assert shop.create().data == b""
    assert shop.ledger()["creates"][0]["outcome"] == {"effect": "created", "reply": "reset"}


def test_a_late_create_takes_effect_at_its_time(shop):
    shop.fault("create", "late", "6m", count=1)
    shop.create("late-one")
    shop.clock.pass_seconds(359)
    assert shop.ids() == []
    shop.clock.pass_seconds(2)
    (row,) = shop.listed()["instances"]
    assert row["label"] == "late-one"
    assert row["start_date"] == 1_793_300_360


@pytest.mark.parametrize(
    ("word", "arg", "label", "env"),
    [
        ("label_drop", None, None, "gs1-abcdefghijklmnopqrstuvwxyz"),
        ("label_cut", "20", "gs1-abcdefghijklmnop", "gs1-abcdefghijklmnopqrstuvwxyz"),
        ("env_drop", None, "gs1-abcdefghijklmnopqrstuvwxyz", None),
    ],
)
def test_each_copy_of_the_label_can_be_lost(shop, word, arg, label, env):
    shop.fault("create", word, arg)
    row = shop.shown(shop.rent("gs1-abcdefghijklmnopqrstuvwxyz"))
    assert (row["label"], dict(row["extra_env"]).get("GS_LABEL")) == (label, env)


def test_faults_of_the_start_leave_an_instance_stopped_or_stuck(shop):
    for word in ("stopped", "stuck_loading", "start_failure"):
        shop.fault("create", word, count=1)
    # Three words on one create would all act: each takes the create it is alone on.
    made = shop.instance(shop.rent("all"))
    assert made.phase == "stopped"
    assert acted(shop) == [1, 1, 1]
    shop.state.faults.clear()
    shop.fault("create", "stuck_loading", count=1)
    stuck = shop.rent("stuck")
    shop.fault("create", "start_failure", count=1)
    failed = shop.rent("failed")
    shop.clock.pass_seconds(12 * 3600)
    assert shop.shown(stuck)["actual_status"] == "loading"
    assert shop.shown(failed)["actual_status"] == "created"
    assert ": OCI runtime create failed:" in shop.shown(failed)["status_msg"]


def test_without_cancel_unavail_an_unavailable_offer_makes_a_stopped_instance(shop):
    shop.fault("create", "unavailable")
    assert shop.create(cancel_unavail=True).status_code == 410
    assert there(shop) == 0
    assert shop.instance(shop.rent(cancel_unavail=False)).phase == "stopped"


def test_price_change_changes_the_price_of_a_created_instance(shop):
    offer = shop.free_offer()
    asked = shop.offers(ask_contract_id={"eq": offer}, allocated_storage=40)[0]["dph_base"]
    shop.fault("account", "price_change", "x1.4", count=1)
    number = shop.rent(offer=offer)
    assert shop.shown(number)["dph_base"] == pytest.approx(asked * 1.4, abs=1e-6)
    shop.fault("account", "price_change", "2", instance=str(number))
    assert shop.shown(number)["dph_base"] == pytest.approx(asked * 2.8, abs=1e-5)
    assert shop.shown(number)["dph_base"] == pytest.approx(asked * 2.8, abs=1e-5)
