"""Parse the agent's report strictly: it comes from a rented host, and every field is bounded (I18, ends.md E8)."""

from __future__ import annotations

import json
import re
from typing import Any

from gpushopper.core.model.ends.agent_report import SIGNALS, AgentReport, GpuUse, RunSeen
from gpushopper.remote.ssh_errors import one_line

SIZE_LIMIT = 16 * 1024
"""Characters of one report."""
MOST_GPUS, MOST_RUNS, MOST_UNKNOWN = 64, 200, 16
MOST_SECONDS = 10**9
_HEAD = re.compile(r"(\d{1,10})\.\d{1,4} ([0-9a-f-]{8,64})")
_RUN_ID, _STATE = re.compile(r"[A-Za-z0-9_-]{1,40}"), re.compile(r"[a-z0-9 ]{1,20}")


class _Malformed(Exception):
    """The report has another form than the agent gives it."""


def read_agent_report(text: str) -> AgentReport | None:
    """Parse uptime and boot id on the first line, then the report; None where it is anything but a report of this boot.

    A report that is wrong in one place is wrong as a whole: nothing depends on it but the watch, which then is off.
    """
    head, _, body = text.replace("\r\n", "\n").strip("\n").partition("\n")
    match = _HEAD.fullmatch(head)
    if match is None or not body or len(body) > SIZE_LIMIT:
        return None
    try:
        found = json.loads(body, parse_constant=_refuse)
        if not isinstance(found, dict) or found.get("boot") != match[2]:
            return None
        return _report(found, int(match[1]))
    except (_Malformed, ValueError, RecursionError):
        return None


def _refuse(word: str) -> Any:
    raise _Malformed(word)


def _report(found: dict[str, Any], uptime_s: int) -> AgentReport:
    at = _number(found, "at", MOST_SECONDS)
    if at is None or not 0 <= uptime_s - int(at) <= MOST_SECONDS:
        raise _Malformed("its sample is of the future")
    idle_s = _number(found, "idle_s", MOST_SECONDS)
    return AgentReport(
        version=one_line(str(found.get("version", ""))[:40], 40),
        age_s=uptime_s - int(at),
        idle_s=0 if idle_s is None else int(idle_s),
        in_use=_in_use(_object(found, "in_use")),
        unknown=_unknown(found),
        gpus=tuple(_gpu(item) for item in _items(found, "gpus", MOST_GPUS)),
        cpu=_number(found, "cpu", 100_000),
        network_bps=_whole(found, "network_bps", 10**13),
        disk_free_gb=_number(found, "disk_free_gb", 10**7),
        runs=tuple(_run(item) for item in _items(found, "runs", MOST_RUNS)),
    )


def _number(of: dict[str, Any], name: str, most: float) -> float | None:
    """A number from 0 to `most`; None where it is null or missing."""
    value = of.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise _Malformed(name)
    return float(value)


def _whole(of: dict[str, Any], name: str, most: int) -> int | None:
    value = _number(of, name, most)
    return None if value is None else int(value)


def _object(of: dict[str, Any], name: str) -> dict[str, Any]:
    value = of.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > 40:
        raise _Malformed(name)
    return value


def _items(of: dict[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    value = of.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most or not all(isinstance(item, dict) for item in value):
        raise _Malformed(name)
    return value


def _text(of: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = of.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise _Malformed(name)
    return value


def _in_use(found: dict[str, Any]) -> tuple[tuple[str, int | None], ...]:
    return tuple((name, _whole(found, name, MOST_SECONDS)) for name in SIGNALS if name in found)


def _unknown(found: dict[str, Any]) -> tuple[str, ...]:
    """What cannot be measured: each signal with the reason."""
    texts = []
    for item in _items(found, "unknown", MOST_UNKNOWN):
        signal, why = item.get("signal"), item.get("why")
        if not isinstance(signal, str) or not isinstance(why, str):
            raise _Malformed("unknown")
        texts.append(one_line(f"{signal[:20]}: {why[:500]}", 120))
    return tuple(texts)


def _gpu(item: dict[str, Any]) -> GpuUse:
    return GpuUse(
        name=one_line(str(item.get("name", ""))[:200], 80),
        load=_whole(item, "load", 100),
        memory_mb=_whole(item, "memory_mb", 10**7),
        total_mb=_whole(item, "total_mb", 10**7),
        temperature=_whole(item, "temperature", 1000),
    )


def _run(item: dict[str, Any]) -> RunSeen:
    since = _whole(item, "since", MOST_SECONDS)
    return RunSeen(_text(item, "id", _RUN_ID), _text(item, "state", _STATE), 0 if since is None else since)
