"""The table of offers, and the notes beside it: what was left out, and which clouds are missing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from gpushopper.cli import main
from gpushopper.cli.commands.rent.inventory import inventory
from gpushopper.cli.output.offer_table import COLUMNS
from tests.cli.conftest import Shell
from tests.test_client import Peer, reply

NOTHING: dict[str, Any] = {
    "offers": [], "groups": [], "total": 0, "more": False, "unavailable": {}, "missing": [], "invalid_prices": 0,
    "unstated": {},
}  # fmt: skip


def test_offers_with_an_implausible_price_are_counted_in_a_note(home: Path, capsys: pytest.CaptureFixture[str]):
    peer = Peer(home / "run" / "daemon.sock")
    nothing = {**NOTHING, "invalid_prices": 2}
    peer.scripts = [reply(nothing), reply({"alarms": []}), reply({**nothing, "invalid_prices": 1}), reply(nothing)]
    try:
        assert main(["inventory"]) == 0
        assert "2 offers left out: the price is zero or implausible." in capsys.readouterr().err
        assert main(["inventory", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["invalid_prices"] == 1
    finally:
        peer.close()


def test_offers_whose_cloud_does_not_say_are_counted_in_one_note(
    gs: Shell, home: Path, capsys: pytest.CaptureFixture[str]
):
    peer = Peer(home / "run" / "daemon.sock")
    peer.scripts = [reply({**NOTHING, "unstated": {"reliability": 3, "cuda": 1}}), reply({"alarms": []})]
    try:
        assert main(["inventory", "--min-cuda", "12", "--min-reliability", "0.9"]) == 0
    finally:
        peer.close()
    said = capsys.readouterr().err
    assert "Left out, for their cloud does not say (cuda: 1 offer, reliability: 3 offers)." in said


def test_what_a_cloud_does_not_say_is_a_hyphen():
    unknown = SimpleNamespace(
        key="toy:1", gpu="H100", gpu_count=1, vram_mb=81920, rate=1, region=None, reliability=None, cuda=None,
        provider="toy", disk_gb=10, cpu_cores=None, ram_mb=None, upload_gb=0, download_gb=0, verified=None,
        host_id=None, is_single=False, stock=None, age_us=0,
    )  # fmt: skip
    shown = {column.title: column.value(unknown) for column in COLUMNS}
    silent = {"REGION", "RELIABILITY", "CUDA", "CPU", "RAM", "VERIFIED", "HOST", "STOCK"}
    assert {title for title, value in shown.items() if value == "-"} == silent


def test_a_missing_cloud_is_named_with_its_reason_also_beside_json(home: Path, capsys: pytest.CaptureFixture[str]):
    missing = [
        {"provider": "vast", "state": "throttled", "reason": "429", "hint": "", "until_at": 10**15, "age_us": 10**8},
        {"provider": "toy", "state": "failed", "reason": "no answer within 8 s", "hint": "", "until_at": None,
         "age_us": None},
        {"provider": "red", "state": "left_out", "reason": "no key", "hint": "run: gpu-shopper keys set red",
         "until_at": None, "age_us": None},
    ]  # fmt: skip
    peer = Peer(home / "run" / "daemon.sock")
    told = {**NOTHING, "missing": missing}
    peer.scripts = [reply(told), reply({"alarms": []}), reply(told)]
    try:
        assert main(["inventory"]) == 0
        said = capsys.readouterr().err
        assert "vast limits our searches: 429, until " in said and "; its offers are 1m 40s old" in said
        assert "toy did not answer: no answer within 8 s\n" in said
        assert "red is left out: no key; run: gpu-shopper keys set red\n" in said
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
    peer.scripts = [reply({**NOTHING, "total": 3, "groups": [group]}), reply({"alarms": []})]
    try:
        assert main(["inventory", "--group-by", "gpu"]) == 0
    finally:
        peer.close()
    assert capsys.readouterr().out.splitlines() == [
        "NAME      OFFERS  FROM $/HR  GB/$      STOCK", "RTX 4090       3     $0.400    60  4 or more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("option", "typed", "offered"),
    [
        ("--sort", "v", {"value", "vram"}), ("--group-by", "", {"gpu", "cloud", "region"}),
        ("--region", "eu", {"EU", "Europe"}), ("--location", "swe", {"Sweden"}), ("--provider", "va", {"vast"}),
    ],
)  # fmt: skip
def test_tab_completes_values(option: str, typed: str, offered: set[str]):
    root = click.Group(commands={"inventory": inventory})
    complete = ShellComplete(root, {}, "gpu-shopper", "_X")
    found = complete.get_completions(["inventory", option], typed)
    assert {item.value for item in found} == offered
