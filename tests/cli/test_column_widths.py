"""A table in a narrow terminal: numbers and names are whole, texts give way."""

from __future__ import annotations

import sys

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.output import offer_table, tables
from gpushopper.cli.output.column_widths import GAP, fit, narrowest
from gpushopper.cli.output.session_views import columns
from gpushopper.cli.output.tables import narrowed
from gpushopper.client import JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.in_process import Stream

TITLES = ("ID", "GPU", "COUNT", "VRAM", "$/HR", "REGION", "RELIABILITY", "CUDA")
RIGHT = (False, False, True, True, True, False, True, True)
ROW = ("tensordock:4ztf2xs-1", "RTX 4090", "1", "24 GB", "$0.442", "Manassas, Virginia, US", "98.6%", "12.6")


def total(widths: list[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def test_with_room_for_all_nothing_is_cut():
    assert fit(TITLES, [ROW], RIGHT, 200) == [max(len(a), len(b)) for a, b in zip(TITLES, ROW, strict=True)]


@pytest.mark.parametrize("room", [85, 90])
def test_in_a_narrow_terminal_only_texts_are_cut(room: int):
    widths = fit(TITLES, [ROW], RIGHT, room)
    assert total(widths) == room
    cut = [title for title, cell, width in zip(TITLES, ROW, widths, strict=True) if width < max(len(cell), len(title))]
    assert cut == ["REGION"]


def test_where_even_that_is_too_wide_all_but_texts_stay_whole():
    widths = fit(TITLES, [ROW], RIGHT, 10)
    assert all(width >= len(cell) for width, cell, flush in zip(widths, ROW, RIGHT, strict=True) if flush)
    assert all(width >= len(title) for width, title in zip(widths, TITLES, strict=True))
    assert widths[0] == len(ROW[0]) and widths[5] == 12


def test_an_empty_table_has_its_headings():
    assert fit(TITLES, [], RIGHT, 200) == [max(len(title), 0) for title in TITLES]
    assert fit((), [], (), 80) == []


def test_what_is_kept_is_never_cut_and_the_longest_text_gives_way_first():
    titles, kept = ["NAME", "AT MOST", "NOTE", "X"], [False, True, False, False]
    cells = [["a-name", "$1234.56", "n" * 90, "x" * 30]]
    widths = fit(titles, cells, kept, 80)
    assert widths[:2] == [6, 8] and sum(widths) + 3 * GAP == 80 and widths[2] == widths[3] == 30
    assert fit(titles, cells, kept, 200) == [6, 8, 90, 30]
    assert fit(titles, cells, kept, 10)[:2] == [6, 8]


def test_with_less_room_times_are_shorter_and_spare_columns_are_left_out_one_by_one():
    row = JsonObject(
        name="a-very-long-session-name-2", status="running", health="ok", waits_for_account=False, gpu="A100 SXM4",
        gpu_count=1, provider="vast", rate=667_000, accrued=300, max_cost=2_000_000, ended_at=None,
        deadline_at=9 * HOUR, guards="D+I", guard_state="armed", end_stage="",
    )  # fmt: skip
    shown = [column for column in columns(6 * HOUR) if not column.wide]
    seen = {}
    for room in (200, 99, 80):
        kept, cells = narrowed(shown, [row], room, str)
        titles = [column.title for column in kept]
        assert narrowest(titles, cells, [column.right or column.whole for column in kept]) <= room
        seen[room] = ([column.title for column in shown if column not in kept], cells[0][titles.index("ENDS")])
    assert seen[200][0] == [] and "(in 3h)" in seen[200][1]
    assert seen[99][0] == [] and seen[99][1] == seen[200][1].partition(" (")[0]
    assert seen[80][0] == ["GPU", "CLOUD"]


OFFER = JsonObject(
    key="tensordock:4ztf2xs-1", provider="tensordock", gpu="RTX 4090", gpu_count=8, vram_mb=24_576, rate=442_000,
    region="Manassas, Virginia, US", reliability=0.986, cuda=12.6, disk_gb=100, cpu_cores=16, ram_mb=64_000,
    upload_gb=0, download_gb=0, verified=True, host_id="h", is_single=False, stock=3, age_us=1,
)  # fmt: skip


@pytest.mark.parametrize("room", range(40, 161, 5))
@pytest.mark.parametrize("output", ["table", "wide"])
def test_at_every_width_no_line_is_too_long_and_no_heading_number_or_name_is_cut(
    room: int, output: str, monkeypatch: pytest.MonkeyPatch
):
    """Where a table cannot be that narrow, rows are labelled lines."""
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(room))
    app = new_app()
    app.output, app.color = output, "never"
    tables.table(app, [OFFER, OFFER], offer_table.COLUMNS)
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert max(map(len, lines)) <= room
    for whole in ("tensordock:4ztf2xs-1", "RTX 4090", "$0.442"):
        assert out.getvalue().count(whole) == 2
    titles = {word for column in offer_table.COLUMNS for word in (column.title, column.brief)}
    if lines[0].startswith("ID   ") and "GPU" in lines[0]:
        assert set(lines[0].split()) <= titles and ("CLOUD" in lines[0]) == (output == "wide")
    else:
        assert lines[1].split(maxsplit=1) == ["GPU", "RTX 4090"] and "" in lines


def test_a_column_that_says_nothing_is_not_shown_at_a_terminal(monkeypatch: pytest.MonkeyPatch):
    columns = [tables.Column("NAME", lambda row: row), tables.Column("NOTE", lambda row: "")]
    for is_terminal in (True, False):
        out = Stream(is_terminal=is_terminal)
        monkeypatch.setattr(sys, "stdout", out)
        tables.table(new_app(), ["a"], columns)
        assert ("NOTE" in out.getvalue()) != is_terminal
