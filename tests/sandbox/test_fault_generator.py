"""Generated faults are reproducible and valid, and cover every fault word."""

from __future__ import annotations

from gpushopper.sandbox.faults.fault_generator import generate_faults
from gpushopper.sandbox.faults.fault_table import FaultTable
from gpushopper.sandbox.faults.fault_types import FAULT_TYPES


def lines(clock, seed, length=20):
    return [(fault.line(), fault.after) for fault in generate_faults(FaultTable(clock), seed, length, "vast")]


def test_a_seed_generates_the_same_faults_again(clock):
    assert lines(clock, 7) == lines(clock, 7)
    assert lines(clock, 7) != lines(clock, 8)


def test_generated_faults_cover_every_fault_word_and_have_a_count(clock):
    table = FaultTable(clock)
    faults = generate_faults(table, 1, 2000, "vast")
    assert {fault.word for fault in faults} == set(FAULT_TYPES)
    assert all(fault.count for fault in faults)
    assert all(fault.call == "any" or fault.call in FAULT_TYPES[fault.word].calls for fault in faults)


def test_the_ledger_is_complete_under_generated_faults(shop, clock):
    generate_faults(shop.state.faults, 3, 60, "vast")
    for _ in range(40):
        offer = next(o for o in shop.state.market.supply["vast"].offers.values() if shop.state.market.is_free(o))
        for answer in (shop.create(offer=offer.id), shop.call("GET", "/api/v1/instances/"), shop.destroy(33400001)):
            assert answer.status_code < 600
        clock.pass_seconds(120)
    ledger = shop.ledger()
    assert sum(fault.acted for fault in shop.state.faults.faults) > 20
    assert len(ledger["creates"]) == 40
    made = sum(len(row["ids"]) for row in ledger["creates"])
    late = sum(row["outcome"]["effect"] == "created_later" for row in ledger["creates"])
    own = [row for row in ledger["instances"] if not row["foreign"]]
    assert len(own) == made + late
