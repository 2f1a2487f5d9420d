"""A minimal SFTP client (protocol version 3) over ssh's sftp subsystem: open, read, write, set mode and mtime, close.

OpenSSH's own sftp program is not used: it expands wildcards, and cannot express some file names.
"""

from __future__ import annotations

import struct
from typing import IO, NamedTuple

VERSION = 3
LONGEST_PACKET = 300_000
INIT, OPEN, CLOSE, READ, WRITE, FSETSTAT = 1, 3, 4, 5, 6, 10
HELLO, STATUS, HANDLE, DATA = 2, 101, 102, 103
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILED = 0, 1, 2, 3, 4
FOR_READING, FOR_WRITING, CREATES, TRUNCATES = 1, 2, 8, 16
_PERMISSIONS, _TIMES = 4, 8
_STATUS_WORDS = {NO_SUCH_FILE: "no such file", PERMISSION_DENIED: "permission denied", FAILED: "failure"}


class SftpError(Exception):
    """The server refused a request, or sent an invalid packet."""

    def __init__(self, text: str, status: int = -1) -> None:
        super().__init__(text)
        self.status = status


class Reply(NamedTuple):
    """One answer: which request it is for, its type, and the rest."""

    request: int
    kind: int
    body: bytes


class Requests:
    """Writes requests and reads replies; several requests may be pending."""

    def __init__(self, out: IO[bytes], back: IO[bytes]) -> None:
        self._out, self._back, self._last = out, back, 0

    def hello(self) -> None:
        """Negotiate the protocol version.

        Raises:
            SftpError: there is no server, or something else was printed first.
        """
        self._write(struct.pack(">BI", INIT, VERSION))
        if self._packet()[:1] != bytes([HELLO]):
            raise SftpError("no sftp server answers")

    def send(self, kind: int, body: bytes) -> int:
        """Send a request; returns its number."""
        self._last = (self._last + 1) & 0xFFFFFFFF
        self._write(struct.pack(">BI", kind, self._last) + body)
        return self._last

    def reply(self) -> Reply:
        """The next reply, for whichever request."""
        packet = self._packet()
        if len(packet) < 5:
            raise SftpError("an sftp packet is too short")
        kind, request = struct.unpack_from(">BI", packet)
        return Reply(request, kind, packet[5:])

    def ask(self, kind: int, body: bytes) -> Reply:
        """Send a request and wait for its reply; no other request may be pending."""
        sent = self.send(kind, body)
        found = self.reply()
        if found.request != sent:
            raise SftpError("an sftp reply to no request")
        return found

    def open(self, path: bytes, flags: int) -> bytes:
        """Open a file; returns its handle."""
        found = self.ask(OPEN, string(path) + struct.pack(">II", flags, 0))
        if found.kind != HANDLE:
            check(found, path)
        return text(found.body)

    def set_facts(self, handle: bytes, mode: int, mtime: int) -> None:
        """Set permissions and mtime of an open file."""
        time = min(max(mtime, 0), 0xFFFFFFFF)  # the protocol has unsigned 32 bits
        attributes = struct.pack(">IIII", _PERMISSIONS | _TIMES, mode, time, time)
        check(self.ask(FSETSTAT, string(handle) + attributes))

    def close(self, handle: bytes) -> None:
        """Close a file; some servers report only now that the disk is full."""
        check(self.ask(CLOSE, string(handle)))

    def _write(self, packet: bytes) -> None:
        self._out.write(struct.pack(">I", len(packet)) + packet)
        self._out.flush()

    def _packet(self) -> bytes:
        head = self._back.read(4)
        length = struct.unpack(">I", head)[0] if len(head) == 4 else 0
        if not 0 < length <= LONGEST_PACKET:
            raise SftpError("the connection ended" if len(head) < 4 else "no sftp server answers")
        packet = self._back.read(length)
        if len(packet) < length:
            raise SftpError("the connection ended")
        return packet


def string(data: bytes) -> bytes:
    """Encode a string of the protocol."""
    return struct.pack(">I", len(data)) + data


def text(body: bytes) -> bytes:
    """Decode the string at the start of a body."""
    if len(body) < 4:
        raise SftpError("an sftp packet is too short")
    (length,) = struct.unpack_from(">I", body)
    if len(body) < 4 + length:
        raise SftpError("an sftp packet is too short")
    return body[4 : 4 + length]


def status_of(reply: Reply) -> int:
    """The status that a reply carries."""
    if reply.kind != STATUS or len(reply.body) < 4:
        raise SftpError("an sftp reply of the wrong kind")
    return int(struct.unpack_from(">I", reply.body)[0])


def check(reply: Reply, path: bytes = b"") -> None:
    """Raise unless the reply reports success.

    Raises:
        SftpError: it does not.
    """
    status = status_of(reply)
    if status == OK:
        return
    message = text(reply.body[4:]).decode("utf-8", "replace") if len(reply.body) > 8 else ""
    name = f"{path.decode('utf-8', 'replace')}: " if path else ""
    raise SftpError(name + (message or _STATUS_WORDS.get(status, f"status {status}")), status)
