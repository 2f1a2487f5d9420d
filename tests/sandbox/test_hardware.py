"""The disk, memory and processors that a live instance sees follow from the create and the offer alone."""

from __future__ import annotations

from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.live.instance.hardware import hardware_facts, memory_text, processor_text
from gpushopper.sandbox.market.actions import launch_foreign, revise
from gpushopper.sandbox.market.market import Market


def test_hardware_is_the_offers_unless_the_host_claims_otherwise():
    market = Market(lambda: 1_793_400_000_000_000, BUILT_IN.values())
    instance = launch_foreign(market, "vast")
    offer = market.offer_of(instance)
    facts = hardware_facts(offer, instance)
    assert facts["disk_kb"] == str(20 * 1024 * 1024)
    assert memory_text(facts).split()[:2] == ["MemTotal:", str(offer.host.ram_mb * 1024)]
    assert processor_text(facts).count("processor\t:") == offer.host.cpu_cores
    revise(market, instance, "gpu_claim", "disk=12,ram=2000,cpus=3")
    lies = hardware_facts(offer, instance)
    assert (lies["disk_kb"], lies["ram_kb"], lies["cpus"]) == (str(12 * 1024 * 1024), str(2000 * 1024), "3")
