"""The notes beside the table of offers: which clouds are missing; groups; what Tab completes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli import main
from tests.test_client import Peer, reply

NOTHING: dict[str, Any] = {
    "offers": [], "groups": [], "total": 0, "more": False, "unavailable": {}, "missing": [], "invalid_prices": 0,
    "unstated": {},
}  # fmt: skip


def test_a_missing_cloud_is_named_with_its_reason_also_beside_json(home: Path, capsys: pytest.CaptureFixture[str]):
    missing = [
        {"provider": "vast", "state": "throttled", "reason": "429", "hint": "", "until_at": 10**15, "age_us": 10**8},
        {"provider": "toy", "state": "failed", "reason": "no answer within 8 s", "hint": "", "until_at": None,
         "age_us": None},
        {"provider": "red", "state": "left_out", "reason": "no key", "hint": "run: gpu-shopper keys set red",
         "until_at": None, "age_us": None},
        {"provider": "dear", "state": "above_cap", "reason": "from $0.446/h, above the price cap of $0.28/h",
         "hint": "", "until_at": None, "age_us": None},
    ]  # fmt: skip
    peer = Peer(home / "run" / "daemon.sock")
    told = {**NOTHING, "missing": missing}
    peer.scripts = [reply(told), reply({"alarms": []}), reply(told)]
    try:
        assert main(["inventory"]) == 0
        said = capsys.readouterr().err
        assert "vast limits our searches: again " in said and "; its offers are 1m 40s old" in said
        assert "toy did not answer: no answer within 8 s\n" in said
        assert "red is left out: no key; run: gpu-shopper keys set red\n" in said
        assert "\ndear: from $0.446/h, above the price cap of $0.28/h\n" in said
        assert main(["inventory", "--json"]) == 0
        shown = capsys.readouterr()
        first = json.loads(shown.out)["missing"][0]
        assert (first["until_at"], first["age_seconds"]) == ("2001-09-09T01:46:40Z", 100.0)
        assert "toy did not answer" in shown.err
    finally:
        peer.close()


def test_groups_are_a_table_of_their_own(home: Path, capsys: pytest.CaptureFixture[str]):
    group = {"name": "RTX 4090", "count": 3, "rate": 400_000, "offer": "vast:1", "best_value": 60.2,
             "best_value_offer": "toy:2", "stock": 4, "is_stock_known": False}  # fmt: skip
    peer = Peer(home / "run" / "daemon.sock")
    unsaid = {**group, "name": "H100 SXM", "stock": 0}
    peer.scripts = [reply({**NOTHING, "total": 6, "groups": [group, unsaid]}), reply({"alarms": []})]
    try:
        assert main(["inventory", "--group-by", "gpu"]) == 0
    finally:
        peer.close()
    assert capsys.readouterr().out.splitlines() == [
        "GPU       OFFERS  FROM $/HR  GB/$      STOCK", "RTX 4090       3     $0.400    60  4 or more",
        "H100 SXM       3     $0.400    60          -",
    ]  # fmt: skip
