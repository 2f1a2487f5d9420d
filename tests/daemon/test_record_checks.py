"""What `doctor` reads of the records, of each published schema, without a daemon and without changing anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gpushopper.daemon.record_checks import check_records
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.store import accounts
from gpushopper.store.database import Store
from gpushopper.store.sqlite.read_only import read_records
from tests.store.samples import NOW

GOLDEN = Path(__file__).parents[1] / "store" / "golden"
OK = {"provider": "vast", "state": "ok", "text": "", "hint": ""}
LOCKED = {"provider": "vast", "state": "locked", "text": "the keyring is locked", "hint": "unlock it"}


def checks(folder: Path, *keys: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in check_records(Home(folder, folder), keys)}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_every_published_schema_is_read_and_left_alone(tmp_path: Path, version: int):
    shutil.copy(GOLDEN / f"schema-{version}.db", tmp_path / "gpu-shopper.db")
    before = (tmp_path / "gpu-shopper.db").read_bytes()
    found = checks(tmp_path, LOCKED)
    assert not found["account vast"]["ok"] and not found["alarms"]["ok"]
    assert "the keyring is locked; may still bill: " in found["account vast"]["text"]
    assert found["account vast"]["hint"].startswith("unlock it; until then, look at https://")
    assert "not verified" in found["alarms"]["text"]
    assert "account vast" not in checks(tmp_path, OK)
    assert "does not name it any more" in checks(tmp_path)["account vast"]["text"]
    assert (tmp_path / "gpu-shopper.db").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["gpu-shopper.db"]


def test_a_cloud_whose_package_is_gone_is_named(tmp_path: Path):
    store = Store.open(tmp_path / "gpu-shopper.db", now_wall=NOW)
    with store.transaction():
        accounts.record_account(store, "lab", "7", NOW, "toy")
    while_open = checks(tmp_path, OK)  # as a daemon holds it
    store.close()
    for found in (while_open, checks(tmp_path, OK)):
        assert found["account lab"]["ok"] and "toy is not known here any more" in found["account lab"]["text"]
        assert found["alarms"] == {"name": "alarms", "ok": True, "text": "none", "hint": ""}


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path):
    assert read_records(tmp_path / "gpu-shopper.db") is None
    (tmp_path / "gpu-shopper.db").write_text("something else, and long enough to be looked at")
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_records(tmp_path / "gpu-shopper.db")
