"""The zone whose days are counted: two that have no name are not taken for one."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gpushopper.config import MoneySettings
from gpushopper.daemon.time_zone import user_zone, with_name

HOURS = {"east": 2, "west": -5}


@pytest.fixture
def unnamed(tmp_path: Path) -> dict[str, Path]:
    """The rules of two zones, as a computer has them that does not say which they are."""
    return {name: write_rules(tmp_path / name, hours) for name, hours in HOURS.items()}


def write_rules(path: Path, hours: int) -> Path:
    """Rules of one offset from UTC (RFC 8536, version 1: counts, one type, its abbreviation)."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(b"TZif" + bytes(16) + counts + struct.pack(">lbb", hours * 3600, 0, 0) + b"ABC\0")
    return path


def read(path: Path) -> ZoneInfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key="local")


def test_the_configured_zone_is_taken_as_it_is():
    assert str(user_zone(MoneySettings(time_zone="Asia/Tokyo"))) == "Asia/Tokyo"


def test_two_unnamed_zones_have_two_names_and_each_always_the_same(unnamed: dict[str, Path]):
    east, west, again = (with_name(read(unnamed[one]), [unnamed[one]]) for one in ("east", "west", "east"))
    assert str(east) == str(again) != str(west) and str(east).startswith("local-")
    assert east.utcoffset(datetime.now(UTC)) == timedelta(hours=2)


def test_a_zone_with_a_name_keeps_it(unnamed: dict[str, Path]):
    assert str(with_name(ZoneInfo("Asia/Tokyo"), unnamed.values())) == "Asia/Tokyo"
    assert str(with_name(read(unnamed["west"]), [])) == "local"
