"""The saved market file: its field names stay, whatever the code calls them, so that old files still open."""

from __future__ import annotations

import json

from gpushopper.sandbox.persistence import dump_state, restore_state


def test_the_saved_file_keeps_its_field_names_and_is_restored(shop, clock):
    number = shop.rent()
    shop.fault("create", "late", "10m")
    shop.create("gs1-b")
    container = shop.instance(number).container
    container.kill_count, container.kill_patterns, container.acted_faults = 2, "guard.sh", [1]
    saved = json.loads(json.dumps(dump_state(shop.state)))
    (instance,), (arrival,) = saved["instances"], saved["arrivals"]
    assert (instance["order"]["label"], arrival["order"]["label"]) == ("gs1-a", "gs1-b")
    assert [instance["container"][name] for name in ("sweeps", "swept", "played")] == [2, "guard.sh", [1]]
    restored = restore_state(saved, clock)
    assert restored.market.instances == shop.state.market.instances
    assert restored.market.pending_creates == shop.state.market.pending_creates
    assert json.loads(json.dumps(dump_state(restored))) == saved
