"""Classify ssh's own error messages: host key changed, login refused, or host not reached (F13, I24)."""

from __future__ import annotations

import re

from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind

OWN_FAILURE = 255
"""The exit status with which ssh reports an error of its own."""
MOST = 200
"""Characters of a detail."""

# Control characters, and the marks that turn the direction of text (F111).
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_HOST_KEY = re.compile(r"^(Host key verification failed|.*REMOTE HOST IDENTIFICATION HAS CHANGED)", re.MULTILINE)
_NO_LOGIN = re.compile(r"^(\S+: Permission denied \(.*|Received disconnect .*Too many authentication failures.*)", re.M)
_FRAME = re.compile(r"^(@+|\s*|@.*@)$")
"""The frame around ssh's warning about a changed host key."""


def one_line(text: bytes | str, most: int = MOST) -> str:
    """Text from outside as one short line without control characters."""
    if isinstance(text, bytes):
        text = text[: most * 8].decode("utf-8", "replace")
    return _UNPRINTABLE.sub(" ", text[: most * 2]).strip()[:most]


def classify_ssh_failure(err: bytes) -> ProbeFailure:
    """The kind of probe failure that ssh's stderr shows; an unknown message counts as not reached."""
    text = err.decode("utf-8", "replace").replace("\r", "\n")
    if _HOST_KEY.search(text):
        return ProbeFailure(ProbeFailureKind.HOST_KEY, "the host key is not the one first seen")
    refused = _NO_LOGIN.search(text)
    if refused:
        return ProbeFailure(ProbeFailureKind.NO_LOGIN, one_line(refused.group()))
    return ProbeFailure(ProbeFailureKind.UNREACHABLE, one_line(_last_line(text)) or "ssh gave no reason")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if not _FRAME.match(line)]
    return lines[-1] if lines else ""
