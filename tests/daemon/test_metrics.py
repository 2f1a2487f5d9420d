"""Metrics as a scraper meets them: on the socket, and on a loopback port behind a token; loops that hang are told."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from gpushopper.clock import SystemClock
from gpushopper.core.model.ends.landed import NotLanded
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.timing.clock_snapshot import SECOND, ClockSnapshot
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.metrics.port import MetricsPort, read_token
from gpushopper.daemon.periodic_jobs import Job, Schedule
from gpushopper.daemon.supervision.loops import THREAD_LATE_S, Loops
from gpushopper.engine.metrics.call_observer import observed, outcome_of
from gpushopper.paths import find_home
from gpushopper.providers.base import (
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    InstanceNotFound,
    ReadFailed,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)
from tests.daemon.conftest import Running
from tests.daemon.test_api import serving
from tests.floors.tree import ROOT
from tests.needs import needs

METRICS = ROOT / "docs" / "metrics"


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(None) as found:
        yield found


@pytest.fixture
def api(service: Service) -> FlaskClient:
    return build_app(service).test_client()


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_requests_are_counted_by_their_route_and_never_by_a_name(api: FlaskClient):
    for path in ("sessions/train", "sessions/train-2", "events"):
        api.get(f"/api/v1/{path}")
    api.open("/nowhere/at-all", method="BREW")
    reply = api.get("/metrics")
    assert reply.status_code == 200 and reply.content_type.startswith("text/plain; version=0.0.4")
    found = samples(reply.text)["http_requests_total"]
    assert found["GET", "/api/v1/sessions/<ref>", "404"] == 2 and found["GET", "/api/v1/events", "200"] == 1
    assert found["OTHER", "unknown", "404"] == 1
    assert "train" not in reply.text and "at-all" not in reply.text
    assert samples(reply.text)["gpu_loop_age_seconds"]["engine",] >= 0


def test_a_scrape_without_the_token_gets_nothing(home: Path):
    where = find_home()
    port = MetricsPort(where, _free_port(), lambda: b"secret_metric 1\n")
    port.open()
    try:
        token = read_token(where)
        assert stat.S_IMODE(where.metrics_token.stat().st_mode) == 0o600 and len(token) == 64
        assert _ask(port, {})[0] == 401
        for wrong in (token, "Bearer ", f"Bearer {token[:-1]}", f"Bearer {token}x", "Basic abc", "Bearer \xff"):
            status, text = _ask(port, {"Authorization": wrong})
            assert status == 401 and "secret_metric" not in text
        good = {"Authorization": f"Bearer {token}"}
        assert _ask(port, good) == (200, "secret_metric 1\n")
        assert _ask(port, good, path="/api/v1/sessions")[0] == 404
        assert _ask(port, good, method="POST")[0] == 404
        assert read_token(where) == token
    finally:
        port.close()


def test_a_port_that_is_taken_is_tried_again_and_told_in_health(home: Path, service: Service, api: FlaskClient):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = MetricsPort(find_home(), other.getsockname()[1], lambda: b"")
        service.metrics_problem = lambda: port.problem
        port.open()
        (problem,) = [each for each in api.get("/health").json["problems"] if "metrics" in each]
        assert problem == f"metrics are not served on 127.0.0.1:{other.getsockname()[1]}: Address already in use"
    port.open()
    assert port.problem == ""
    port.close()


def test_no_port_is_opened_unless_one_is_set(home: Path):
    port = MetricsPort(find_home(), None, lambda: b"")
    port.open()
    assert not port.problem and not find_home().metrics_token.exists()


class Steady(SystemClock):
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.boot = 1000 * SECOND

    def now(self) -> ClockSnapshot:
        return ClockSnapshot(1_780_000_000 * SECOND, self.boot, "boot-1")


def test_a_thread_or_job_that_hangs_is_told_and_one_that_fails_turns(home: Path):
    def fail() -> None:
        raise OSError

    clock = Steady()
    schedule = Schedule(
        [Job("failing", fail, 10), *(Job(name, lambda: None, 10) for name in ("lifecycle", "ssh"))], clock
    )
    loops = Loops(clock, schedule, {"engine": lambda: 1000 * SECOND})
    assert loops.hanging() == [] and loops.ages() == {"engine": 0, "failing": 0, "lifecycle": 0, "ssh": 0}
    clock.boot += round((THREAD_LATE_S + 1) * SECOND)
    schedule._run(schedule._jobs["failing"])
    assert loops.hanging() == ["engine", "lifecycle"], "a restart for one that only tidies would be one for ever"
    assert schedule.late() == ["failing", "lifecycle", "ssh"]
    assert loops.ages() == {"engine": 61, "failing": 0, "lifecycle": 61, "ssh": 61}


def test_health_names_an_engine_that_hangs(service: Service, api: FlaskClient):
    turned = service.clock.now().boot - 61 * SECOND
    service.loops = Loops(service.clock, service.schedule, {"engine": lambda: turned})
    assert "the loop engine hangs" in api.get("/health").json["problems"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (ReadFailed(ErrorKind.THROTTLED, ""), "throttled"), (RejectedCreate(Refusal.OFFER_GONE, ""), "offer_gone"),
        (UnknownOutcome(""), "unknown"), (Destroyed(DestroyOutcome.NOT_FOUND, ""), "ok"),
        (Destroyed(DestroyOutcome.RETRY_LATER, ""), "retry_later"), (InstanceNotFound(None), "ok"), (True, "ok"),
        (ProbeFailure(ProbeFailureKind.NO_LOGIN, ""), "no_login"), (False, "refused"), (None, "ok"), ("id", "ok"),
        (NotLanded(""), "failed"), ((), "ok"), (("RTX 4090",), "ok"),
        ((Destroyed(DestroyOutcome.ACKNOWLEDGED, ""), Destroyed(DestroyOutcome.UNKNOWN, "")), "unknown"),
    ],
)  # fmt: skip
def test_what_became_of_a_call_is_one_of_few_words(value: object, word: str):
    assert outcome_of(value) == word


def test_a_call_that_raises_is_noted_and_raises():
    noted: list[tuple[str, str, str, float]] = []
    times = iter([1.0, 3.5])

    def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        observed(lambda *call: noted.append(call), lambda: next(times), "lab", "list", work)
    assert noted == [("lab", "list", "raised", 2.5)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(port: MetricsPort, headers: dict[str, str], path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port._port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


# ---- what reads them: docs/metrics


def exported(text: str) -> set[str]:
    """The names that a scrape announces, also of families without a sample yet; of histograms, their parts."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if kind == "histogram" else {name}
    return names


@pytest.mark.parametrize("name", ["alerts.yml", "alerts_test.yml", "dashboard.json"])
def test_rules_and_dashboard_name_only_metrics_that_there_are(api: FlaskClient, name: str):
    text = re.sub(r"gpu_type|uid\": \"[\w-]+", "", (METRICS / name).read_text())
    named = set(re.findall(r"\b(?:gpu|http|process)_[a-z_]+", text))
    assert named and named - exported(api.get("/metrics").text) == set()


def test_the_table_of_metrics_is_complete(api: FlaskClient):
    told = set(re.findall(r"^\| `(\w+)` \| ([\w, ]*) ?\|", (METRICS.parent / "metrics.md").read_text(), re.MULTILINE))
    there = {name for name in re.findall(r"^# TYPE (\w+) ", api.get("/metrics").text, re.MULTILINE)}
    assert {name for name, _ in told} == {name for name in there if not name.startswith("process_")}


def test_every_rule_has_a_test_and_says_what_to_do():
    rules = re.findall(r"- alert: (\w+)", (METRICS / "alerts.yml").read_text())
    tested = re.findall(r"alertname: (\w+)\n\s+exp_alerts", (METRICS / "alerts_test.yml").read_text())
    assert set(rules) == set(tested) and len(rules) == (METRICS / "alerts.yml").read_text().count("action: gpu-shopper")


def test_the_dashboard_is_whole():
    board = json.loads((METRICS / "dashboard.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) > 15
    assert all(panel["targets"] and panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])


@pytest.mark.proofs
@needs("promtool")
def test_promtool_finds_nothing_wrong(api: FlaskClient, tmp_path: Path):
    def promtool(*words: str, given: str = "") -> str:
        done = subprocess.run(
            ["promtool", *words], input=given, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    shutil.copytree(METRICS, tmp_path, dirs_exist_ok=True)
    config = (tmp_path / "prometheus.yml").read_text()
    (tmp_path / "prometheus.yml").write_text(config.replace("/etc/prometheus/gpu-shopper-token", "alerts.yml"))
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")
    assert promtool("check", "metrics", given=api.get("/metrics").text) == ""


@pytest.mark.proofs
@needs("prometheus")
def test_a_prometheus_scrapes_the_port(
    home: Path, tmp_path: Path, start: Callable[..., Running], wait_until: Callable[..., None]
):
    where, ours, theirs = find_home(), _free_port(), _free_port()
    where.config.mkdir(parents=True, exist_ok=True)
    where.config_file.write_text(f"[metrics]\nport = {ours}\n")
    start()
    shutil.copytree(METRICS, tmp_path / "prometheus")
    config = tmp_path / "prometheus" / "prometheus.yml"
    text = config.read_text().replace("/etc/prometheus/gpu-shopper-token", str(where.metrics_token))
    config.write_text(text.replace("9464", str(ours)).replace("30s", "1s"))
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{theirs}",
    ]  # fmt: skip

    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{theirs}/api/v1/{path}", timeout=10) as reply:
            return json.load(reply)["data"]

    def is_scraped() -> bool:
        try:
            return bool(ask("query?query=gpu_shopper_info")["result"])
        except OSError:
            return False

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(is_scraped, 60)
            (target,) = ask("targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            assert ask("query?query=up")["result"][0]["value"][1] == "1"
            wait_until(lambda: {rule["health"] for rule in ask("rules")["groups"][0]["rules"]} == {"ok"}, 90)
        finally:
            process.kill()
