"""The daemon's log as text: fields behind, a traceback below, and nothing that moves the cursor (F111)."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from gpushopper.core.log_line import readable

ZONE = timezone(timedelta(hours=2))
AT = "2026-11-24T16:02:03.456+00:00"


def line(**fields: Any) -> str:
    return json.dumps({"event": "ready", "level": "info", "logger": "gpushopper.daemon.run", "at": AT, **fields})


def test_time_level_event_text_and_the_other_fields():
    assert readable(line(pid=7, home="/h"), ZONE) == ["2026-11-24 18:02:03 info    ready pid=7 home=/h"]
    assert readable(line(event="keys", level="warning", text="vast refuses this key", code=""), ZONE) == [
        '2026-11-24 18:02:03 warning keys: vast refuses this key code=""'
    ]
    assert readable(line(text="a\nb", more="two words", of=["x"]), ZONE) == [
        '2026-11-24 18:02:03 info    ready: a b more="two words" of=["x"]'
    ]


def test_a_traceback_is_below_its_line():
    found = readable(line(exception="Traceback:\n  File x\nValueError: bad"), ZONE)
    assert found[1:] == ["    Traceback:", "      File x", "    ValueError: bad"]


@pytest.mark.parametrize("text", ["plain", "{}", "[1]", "{", '{"at": 1, "level": "x", "event": "y"}', line(at="never")])
def test_what_is_no_line_of_ours_is_shown_as_it_is(text: str):
    assert readable(text, ZONE) == [text]


def test_nothing_of_it_reaches_the_terminal_as_a_command():
    (shown,) = readable(line(event="\x1b[2Jx", text="\x1b]0;title\x07y\u202e", path="\x9b1A/z"), ZONE)
    assert shown.isprintable() and shown.endswith("x: y  path=/z")
