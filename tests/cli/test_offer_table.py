"""Offers as a table: what a cloud does not say, and notes about the offers that were left out."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from gpushopper import wire
from gpushopper.cli import main
from gpushopper.cli.output.offer_table import COLUMNS
from tests.cli.conftest import Shell
from tests.test_client import Peer, reply


def test_offers_with_an_implausible_price_are_counted_in_a_note(home: Path, capsys: pytest.CaptureFixture[str]):
    peer = Peer(home / "run" / "daemon.sock")
    nothing = {"offers": [], "total": 0, "more": False, "unavailable": {}, "missing": [], "invalid_prices": 2}
    nothing["unstated"] = {}
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
    told = {"offers": [], "total": 0, "more": False, "unavailable": {}, "missing": [], "invalid_prices": 0}
    peer.scripts = [reply({**told, "unstated": {"reliability": 3, "cuda": 1}}), reply({"alarms": []})]
    try:
        assert main(["inventory", "--min-cuda", "12", "--min-reliability", "0.9"]) == 0
    finally:
        peer.close()
    said = capsys.readouterr().err
    assert "Offers left out because their cloud does not say what a filter asks for: cuda: 1, reliability: 3." in said


def test_what_a_cloud_does_not_say_is_a_hyphen():
    unknown = SimpleNamespace(
        key="toy:1", gpu="H100", gpu_count=1, vram_mb=81920, rate=1, region=None, reliability=None, cuda=None,
        provider="toy", disk_gb=10, cpu_cores=None, ram_mb=None, upload_gb=0, download_gb=0, verified=None,
        host_id=None, is_single=False, stock=None, age_us=0,
    )  # fmt: skip
    shown = {column.title: column.value(unknown) for column in COLUMNS}
    silent = {"REGION", "RELIABILITY", "CUDA", "CPU", "RAM", "VERIFIED", "HOST", "STOCK"}
    assert {title for title, value in shown.items() if value == "-"} == silent


@pytest.mark.parametrize(
    ("total", "more", "said"),
    [
        (19, True, "19 offers found among those that were read; there are more: name a GPU,"),
        (64, True, "The first 19 of more than 64; --limit"), (64, False, "The first 19 of 64; --limit"),
        (19, False, ""), (0, False, "No offer matches."),
        (0, True, "No offer matches among those that were read; there are more: name a GPU,"),
    ],
)  # fmt: skip
def test_how_many_of_the_offers_were_shown(gs: Shell, home: Path, total: int, more: bool, said: str):
    offer: dict[str, object] = {field.name: 1 for field in fields(wire.OfferView)}
    offer |= {"key": "vast:1", "provider": "vast", "gpu": "RTX 4090", "region": "", "driver": ""}
    peer = Peer(home / "run" / "daemon.sock")
    told = {"offers": [offer] * min(19, total), "total": total, "more": more, "unavailable": {}, "missing": []}
    told |= {"invalid_prices": 0, "unstated": {}}
    peer.scripts = [reply(told), reply({"alarms": []})]
    try:
        ran = gs("inventory", "--gpu", "RTX 4090")
    finally:
        peer.close()
    assert ran.code == 0, ran.err
    assert said in ran.err if said else "The first" not in ran.err
