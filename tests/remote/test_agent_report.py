"""The agent's report comes from a rented host: exactly the expected form within its bounds, or none (E8, I18)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.ends.agent_report import SIGNALS, AgentReport, GpuUse, RunSeen
from gpushopper.remote.agent.agent_report import SIZE_LIMIT, read_agent_report

BOOT = "0d1f2c3e-aaaa-bbbb-cccc-0123456789ab"
REPORT: dict[str, Any] = {
    "version": "1", "boot": BOOT, "at": 995.5, "birth": 12, "pid": 99, "idle_s": 120.7,
    "in_use": {"gpu": 130, "cpu": None, "network": 0, "output": None, "terminal": 3},
    "unknown": [{"signal": "gpu", "why": "nvidia-smi is slow"}],
    "gpus": [{"name": "RTX 4090", "load": 97, "memory_mb": 20000, "total_mb": 24564, "temperature": 71}],
    "cpu": 1.5, "network_bps": 12, "disk_free_gb": 80.25,
    "runs": [{"id": "r-1", "state": "not started", "since": 100}], "limits": {"idle": 1800},
    "ends": [{"name": "idle", "at": 1300}],
}  # fmt: skip


def text(uptime: str = "1000.25", boot: str = BOOT, **changes: Any) -> str:
    return f"{uptime} {boot}\n{json.dumps(REPORT | changes)}"


def test_a_report_is_read_whole():
    assert read_agent_report(text()) == AgentReport(
        "1", 5, 120, (("gpu", 130), ("cpu", None), ("network", 0), ("output", None), ("terminal", 3)),
        ("gpu: nvidia-smi is slow",), (GpuUse("RTX 4090", 97, 20000, 24564, 71),), 1.5, 12, 80.25,
        (RunSeen("r-1", "not started", 100),),
    )  # fmt: skip


def test_what_is_not_measured_may_be_missing():
    empty = {"cpu": None, "network_bps": None, "gpus": [], "runs": [], "unknown": None}
    found = read_agent_report(text(**empty))
    assert found is not None and (found.cpu, found.gpus, found.unknown) == (None, (), ())


def test_a_report_of_another_boot_or_of_the_future_is_none():
    assert read_agent_report(text(boot="ffffffff-aaaa-bbbb-cccc-0123456789ab")) is None
    assert read_agent_report(text(uptime="900.00")) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"at": None}, {"at": "995"}, {"at": -1}, {"at": float("nan")}, {"at": float("inf")}, {"at": True},
        {"idle_s": -1}, {"idle_s": 10**12}, {"idle_s": "all day"}, {"in_use": []}, {"in_use": {"gpu": -1}},
        {"gpus": [1]}, {"gpus": [{}] * 65}, {"gpus": [{"load": 101}]}, {"gpus": "RTX"}, {"cpu": "many"},
        {"network_bps": -1}, {"runs": [{"id": "../../x", "state": "running", "since": 1}]},
        {"runs": [{"id": "r", "state": "\x1b[2J", "since": 1}]}, {"runs": [{"id": "r"}] * 201},
        {"unknown": [1]}, {"unknown": [{}]}, {"unknown": [{"signal": "gpu", "why": "x"}] * 17},
        {"version": "x" * SIZE_LIMIT},
    ],
    ids=str,
)  # fmt: skip
def test_one_field_out_of_its_bounds_makes_it_none(changes: dict[str, Any]):
    assert read_agent_report(text(**changes)) is None


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "[" * 100_000, '{"boot":1}'])
def test_other_text_is_none(body: str):
    assert read_agent_report(f"1000.25 {BOOT}\n{body}") is None


def test_names_cannot_write_to_the_terminal():
    hostile = read_agent_report(text(gpus=[{"name": "\x1b]0;x\x07 A100\n"}], version="\x1b[31m1"))
    assert hostile is not None and hostile.gpus[0].name.isprintable() and hostile.version.isprintable()


@given(st.dictionaries(st.sampled_from([*REPORT, "x"]), st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*SIGNALS, "id", "at"]), inner),
    max_leaves=8,
)))  # fmt: skip
def test_no_report_is_an_error(changes: dict[str, Any]):
    found = read_agent_report(text(**changes))
    assert found is None or (found.age_s >= 0 and found.idle_s >= 0 and len(found.runs) <= 200)
