"""The history of heartbeats as spans of the same use, and when a signal was last in use."""

from __future__ import annotations

from gpushopper.core.lifecycle.ends.use_history import (
    IDLE,
    SILENT,
    UNKNOWN,
    USED,
    gpu_steps,
    last_used,
    latest_sample,
    spans,
)
from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow
from gpushopper.core.timing.clock_snapshot import SECOND

GPU, CPU = 1, 2


def row(second: int, in_use: int = 0, idle_s: int | None = 0, *, answered: bool = True, load: int = 0) -> HeartbeatRow:
    return HeartbeatRow("a", second * SECOND, answered, gpu_load=load, cpu_milli=5, idle_s=idle_s, in_use=in_use)


ROWS = [
    row(0, GPU, load=90), row(30, GPU, load=97), row(60, GPU | CPU), row(90, 0, 30), row(120, 0, 60),
    row(150, 0, None, answered=False), row(180, 0, None), row(210, 0, 0),
]  # fmt: skip


def test_what_stays_the_same_is_one_span_with_the_most_that_was_seen() -> None:
    found = [(use.kind, use.used, (use.end_at - use.start_at) // SECOND) for use in spans(ROWS, 120 * SECOND)]
    assert found == [
        (USED, ("gpu",), 30), (USED, ("gpu", "cpu"), 30), (IDLE, (), 60), (SILENT, (), 30), (UNKNOWN, (), 60),
    ]  # fmt: skip
    assert spans(ROWS, 120 * SECOND)[0].gpu_load == 97


def test_nothing_is_known_of_a_gap() -> None:
    found = spans([row(0, GPU), row(3600, GPU)], 120 * SECOND)
    assert [(use.kind, use.start_at // SECOND, use.end_at // SECOND) for use in found] == [
        (USED, 0, 0), (UNKNOWN, 0, 3600), (USED, 3600, 3600),
    ]  # fmt: skip


def test_a_signal_was_last_in_use_when_its_flag_was_last_seen() -> None:
    assert last_used(ROWS, "gpu") == 60 * SECOND and last_used(ROWS, "terminal") is None
    sample = latest_sample(ROWS[:6])
    assert sample is not None and sample.at == 120 * SECOND


def test_the_last_steps_have_the_most_gpu_load_in_them_and_nothing_where_none_was_measured() -> None:
    silent = HeartbeatRow("a", 290 * SECOND, False)
    rows = [row(-50, load=9), row(5, load=90), row(59, load=40), row(130, load=7), silent, row(400, load=5)]
    assert gpu_steps(rows, 300 * SECOND, 60 * SECOND, 5) == [90, None, 7, None, None]
    assert gpu_steps([], 300 * SECOND, 60 * SECOND, 2) == [None, None]
