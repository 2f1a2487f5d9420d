"""The log: JSON lines, private, rotated, with every secret redacted."""

from __future__ import annotations

import json
import logging
import queue
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gpushopper import log

CANARY = 'c4n4ry"with\\quotes'


@pytest.fixture
def written(home: Path) -> Iterator[Path]:
    """The file of a configured log; everything global is put back afterwards."""
    home.mkdir()
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    redactor = log.Redactor()
    redactor.add_redaction(CANARY)
    log.configure(home / "daemon.log", redactor, now_us=lambda: 1_700_000_000_123_000)
    yield home / "daemon.log"
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_terminal_gets_the_lines_as_text_without_secrets_and_none_that_are_said_otherwise(home: Path, written: Path):
    shown: queue.Queue[str] = queue.Queue()
    redactor = log.Redactor()
    redactor.add_redaction(CANARY)
    log.configure(written, redactor, now_us=lambda: 1_700_000_000_123_000, terminal=shown.put)
    structlog.get_logger("gpushopper.daemon" + log.SAID).warning("printed in a form of its own")
    structlog.get_logger("gpushopper.daemon").info("key found", source=CANARY)
    text = shown.get(timeout=30)
    assert "info    key found source=***" in text and shown.empty()
    assert len(written.read_text().splitlines()) == 2, "the file has both"


def test_a_terminal_that_takes_nothing_holds_nobody_up(written: Path):
    """Stopped by Ctrl-S, for example: deadlines are kept all the same."""
    is_stopped, began = threading.Event(), threading.Event()

    def hang(_text: str) -> None:
        began.set()
        is_stopped.wait(60)

    log.configure(written, log.Redactor(), now_us=lambda: 1, terminal=hang)
    for number in range(3 * log.WAITING_LINES):
        structlog.get_logger("gpushopper.daemon").info("line", number=number)
    assert began.wait(30)
    assert len(written.read_text().splitlines()) == 3 * log.WAITING_LINES
    is_stopped.set()


def test_lines_are_json_with_time_level_and_logger(written: Path):
    structlog.get_logger("gpushopper.daemon").info("ready", pid=7)
    logging.getLogger("some.library").warning("old %s", "style")
    first, second = [json.loads(line) for line in written.read_text().splitlines()]
    assert first == {
        "event": "ready",
        "pid": 7,
        "level": "info",
        "logger": "gpushopper.daemon",
        "at": "2023-11-14T22:13:20.123+00:00",
    }
    assert (second["event"], second["logger"]) == ("old style", "some.library")


def test_no_form_of_a_secret_reaches_the_file(written: Path):
    logger = structlog.get_logger("x")
    logger.info(f"said {CANARY}", key=CANARY, nested={"list": [CANARY]})
    logging.getLogger("lib").error("GET /?api_key=%s", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.exception("failed")
    text = written.read_text()
    assert "c4n4ry" not in text
    assert text.count("***") >= 5
    assert len([json.loads(line) for line in text.splitlines()]) == 3


def test_what_looks_like_a_key_is_redacted_too(written: Path):
    logging.getLogger("lib").warning("Authorization: Bearer abcdef0123456789, ?api_key=zzzzzzzzzz&x=1")
    text = written.read_text()
    assert "abcdef" not in text and "zzzz" not in text and "x=1" in text


def test_addresses_of_provider_calls_are_not_logged(written: Path):
    logging.getLogger("httpx").info("HTTP Request: GET https://example/?api_key=1")
    assert written.read_text() == ""


def test_the_file_is_private_also_after_rotation(written: Path, monkeypatch):
    written.chmod(0o644)
    monkeypatch.setattr(log, "MAX_BYTES", 2000)
    log.configure(written, log.Redactor(), now_us=lambda: 0)
    for number in range(100):
        structlog.get_logger("x").info("a line that is long enough to rotate soon", number=number)
    files = sorted(written.parent.glob("daemon.log*"))
    assert len(files) == 1 + log.OLD_FILES
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
