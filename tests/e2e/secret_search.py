"""Finds a secret in bytes: plain, in the usual encodings, and in what a boot script packs."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tests.waiting import patience

PACKED = re.compile(rb"[A-Za-z0-9+/]{32,}={0,2}")
PAUSE_S = 0.001
WAIT_S = 60


def forms(secret: bytes) -> list[bytes]:
    """The secret itself, in hexadecimal, and in base64 at any offset."""
    found = [secret, secret.hex().encode()]
    for before, first in enumerate((0, 2, 3)):
        found.append(base64.b64encode(bytes(before) + secret)[first : (before + len(secret)) * 8 // 6])
    return found


def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, then all that is packed in them: strings of JSON, base64, gzip, one in the other."""
    yield data
    try:
        document = json.loads(data)
    except ValueError:
        for token in PACKED.findall(data):
            yield from _opened(token)
        return
    for text in _strings(document):
        if text.encode() != data:
            yield from layers(text.encode())


def _opened(token: bytes) -> Iterator[bytes]:
    try:
        packed = base64.b64decode(token)
    except binascii.Error:
        return
    yield packed
    if packed.startswith(b"\x1f\x8b"):
        yield from layers(gzip.decompress(packed))


def _strings(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    if isinstance(document, dict):
        document = [*document, *document.values()]
    if isinstance(document, list):
        for one in document:
            yield from _strings(one)


def holds(data: bytes, secret: bytes) -> bool:
    """Whether the secret stands in these bytes, however it is packed."""
    wanted = forms(secret)
    return any(form in layer for layer in layers(data) for form in wanted)


class ArgumentWatch:
    """Reads the argument list of every process again and again: ours and those inside instances."""

    def __init__(self) -> None:
        self.ours: set[bytes] = set()
        self.inside: set[bytes] = set()
        self.rounds = 0
        self._over = threading.Event()
        self._space = os.readlink("/proc/self/ns/pid")
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> ArgumentWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def wait_for(self, text: bytes) -> None:
        """Wait until a process inside an instance was seen with this in its arguments."""
        end, pause = time.monotonic() + WAIT_S * patience(), threading.Event()
        while not any(text in line for line in self.inside.copy()):
            assert time.monotonic() < end, "it was never seen"
            pause.wait(0.01)

    def _watch(self) -> None:
        while not self._over.wait(PAUSE_S):
            for name in os.listdir("/proc"):
                if name.isdigit():
                    self._look(Path("/proc", name))
            self.rounds += 1

    def _look(self, process: Path) -> None:
        try:
            line = (process / "cmdline").read_bytes()
            if line and line not in self.ours | self.inside:
                is_ours = os.readlink(process / "ns/pid") == self._space
                (self.ours if is_ours else self.inside).add(line)
        except OSError:
            return  # it has ended
