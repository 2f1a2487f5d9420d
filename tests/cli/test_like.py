"""`provision --like NAME`: the same again, where no option says otherwise."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.rent.like import filled
from gpushopper.client import Client, JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from gpushopper.errors import NotFound

SESSION = JsonObject(
    id="abcdefghijklmnop", name="train", gpu="RTX 4090", gpu_count=2, provider="lab", cloud="vast", image="ubuntu",
    disk_gb=40.0, created_at=0, deadline_at=3 * HOUR, consumer="alice", tags={"paper": "neurips"},
    limits=JsonObject(idle_us=30 * MINUTE, idle_when="gpu", contact_us=None, hold_us=HOUR),
    pulls=[JsonObject(there="out", here="/srv/results")],
)  # fmt: skip
NOTHING = {
    "gpu": (), "gpus": None, "provider": None, "image": None, "disk": None, "hours": None, "span": None, "until": None,
    "consumer": None, "tags": (), "idle": None, "idle_when": None, "contact": None, "hold": None, "pulls": (),
    "offer": None, "account": None,
}  # fmt: skip


class Known:
    def session(self, ref: str) -> JsonObject:
        return SESSION


def like(name: str = "train", **given: Any) -> dict[str, Any]:
    app = new_app()
    app._client = cast("Client", Known())
    return filled(app, {**NOTHING, **given}, name)


def test_what_is_not_given_is_as_it_was(capsys: pytest.CaptureFixture[str]):
    assert like() == {
        **NOTHING, "gpu": ("RTX 4090",), "gpus": 2, "account": "lab", "image": "ubuntu", "disk": 40.0,
        "span": 3 * HOUR, "consumer": "alice", "tags": ("paper=neurips",), "idle": 30 * MINUTE, "idle_when": "gpu",
        "hold": HOUR, "pulls": ("out:/srv/results",),
    }  # fmt: skip
    said = capsys.readouterr().err
    assert "As train: 2x RTX 4090, on lab, ubuntu, 40 GB, for 3h, charged to alice." in said
    assert "Variables, scripts and an image login are not taken over." in said


def test_what_is_given_counts(capsys: pytest.CaptureFixture[str]):
    found = like(hours=1, gpu=("H100",), idle=0, tags=("run=2",), until=None)
    assert found["span"] is None and found["gpu"] == ("H100",) and found["idle"] == 0 and found["tags"] == ("run=2",)
    assert "RTX 4090" not in capsys.readouterr().err


def test_the_beginning_of_a_name_spends_nothing_unasked():
    with pytest.raises(NotFound, match="no session named tr; did you mean train"):
        like("tr")


def test_an_offer_determines_gpu_and_cloud():
    found = like(offer="vast:7")
    assert (found["gpu"], found["gpus"], found["provider"], found["account"]) == ((), None, None, None)


def test_another_cloud_or_account_takes_the_place_of_the_account():
    other = like(account="other")
    assert (other["provider"], other["account"]) == (None, "other"), "both together are refused"
    cloud = like(provider="tensordock")
    assert (cloud["provider"], cloud["account"]) == ("tensordock", None)
