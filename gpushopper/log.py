"""The daemon's log (JSON lines, private, rotated), also as text on a terminal, and the redaction of secrets (F103)."""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from gpushopper.core.log_line import readable

MAX_BYTES = 5_000_000
"""Size of one file; with the old ones the log takes at most four times as much."""
OLD_FILES = 3
REDACTED = "***"

# They log full URLs (F103), each job run and each request at INFO.
QUIET_LOGGERS = ("httpx", "httpcore", "apscheduler", "werkzeug", "peewee", "asyncio")

_PATTERN = re.compile(r"(?i)(bearer\s+|[?&]api_?key=|\"?api_?key\\?\"?\s*[:=]\s*\\?\"?)([^\s\"'&\\,}]{6,})")


class Redactor:
    """Takes the known secrets of this process out of text. They are only ever added: a replaced key is still one."""

    def __init__(self) -> None:
        self._texts: tuple[str, ...] = ()
        self._patterns: tuple[re.Pattern[str], ...] = ()
        self._lock = threading.Lock()

    def add_redaction(self, text: str) -> None:
        """Redact this text from now on, as it is and as JSON escapes it."""
        forms = {text, json.dumps(text)[1:-1]} - {""}
        with self._lock:
            # Longest first, so that a key that begins with another one is redacted whole.
            self._texts = tuple(sorted({*self._texts, *forms}, key=len, reverse=True))

    def add_pattern(self, pattern: str) -> None:
        """Redact what looks like a key of this cloud from now on: `Traits.key_pattern`."""
        with self._lock:
            self._patterns = tuple({*self._patterns, re.compile(pattern)})

    def redact(self, line: str) -> str:
        """The line without any known secret, and without what looks like one."""
        for text in self._texts:
            line = line.replace(text, REDACTED)
        for pattern in self._patterns:
            line = pattern.sub(REDACTED, line)
        return _PATTERN.sub(rf"\g<1>{REDACTED}", line)


class PrivateRotatingFile(RotatingFileHandler):
    """A rotating file that is 0600 from the first byte, whatever the umask."""

    def _open(self) -> TextIOWrapper:
        file = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(file, 0o600)
        return TextIOWrapper(open(file, "ab"), encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Drop the line: a full disk must not stop a daemon that has sessions to end."""


SAID = ".said"
"""How names of loggers end whose lines are printed in a form of their own, too."""
WAITING_LINES = 500
"""Lines that wait for a terminal which takes none: more are left out there, and are in the file."""


class TerminalLog(logging.Handler):
    """The log as text for a person who watches, written by a thread of its own.

    A terminal may be stopped (Ctrl-S) or hang: nothing that keeps a deadline may wait for it.
    """

    def __init__(self, print_line: Callable[[str], None]) -> None:
        super().__init__()
        self._print_line = print_line
        self._waiting: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self.addFilter(lambda record: not record.name.endswith(SAID))
        threading.Thread(target=self._write, name="terminal", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put the line into the queue, unless that is full."""
        with suppress(queue.Full):
            self._waiting.put_nowait(self.format(record))

    def close(self) -> None:
        """End its thread, once it has written what waits."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        super().close()

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            for text in readable(line):
                self._print_line(text)


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last step before the file, so that tracebacks and foreign libraries are redacted too."""

    def __init__(self, redactor: Redactor, **options: Any) -> None:
        super().__init__(**options)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(super().format(record))


def _stamp(now_us: Callable[[], int]) -> structlog.types.Processor:
    def add_time(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["at"] = datetime.fromtimestamp(now_us() / 1e6, UTC).isoformat(timespec="milliseconds")
        return event

    return add_time


def configure(
    path: Path,
    redactor: Redactor,
    now_us: Callable[[], int],
    level: int = logging.INFO,
    terminal: Callable[[str], None] | None = None,
) -> None:
    """Send the log of this process to `path`, and as text to what prints a line on a terminal. `now_us`: wall µs.

    Raises:
        OSError: the file cannot be opened.
    """
    handlers: list[logging.Handler] = [PrivateRotatingFile(path, maxBytes=MAX_BYTES, backupCount=OLD_FILES)]
    handlers += [] if terminal is None else [TerminalLog(terminal)]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp(now_us),
        structlog.processors.format_exc_info,
    ]
    formatter = _RedactingFormatter(
        redactor,
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=repr),
        ],
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, PrivateRotatingFile | TerminalLog)]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(formatter)
        root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
