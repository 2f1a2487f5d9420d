"""Transfer files with rsync: only differences are sent, and a cut-off file is resumed; both sides need rsync."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import IO

from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy import copy_errors, ssh_process
from gpushopper.cli.remote.copy.path_arguments import below
from gpushopper.cli.remote.copy.transports.transfer import LOGIN_NOT_SILENT, Transfer, TransportUnavailable
from gpushopper.errors import DiskFull

_RSYNC_3 = re.compile(r"rsync\s+version 3\.")
"""The rsync of macOS (older, or openrsync) has neither --info=progress2 nor -s."""
# Times are compared to the nanosecond (--modify-window=-1): by whole seconds, two files of one length could be taken
# for the same. Only the regular files of the list are sent, directly into the part folder (--inplace), where a cut-off
# file is resumed.
OPTIONS = (
    "rsync", "-tp", "-s", "--modify-window=-1", "--inplace", "--chmod=ug-s,o-t", "--from0", "--files-from=-",
    "--no-implied-dirs", "--no-motd", "--no-human-readable", "--info=name1,progress2", "--outbuf=L",
)  # fmt: skip
_INCOMPATIBLE = frozenset((1, 2, 4, 127))
"""Exit statuses of two rsyncs that do not work together: unknown option, protocol or feature; or no rsync there."""
_BYTES = re.compile(rb"^\s*([\d,.]+)\s+\d{1,3}%")


def unavailable_reason(programs: frozenset[str], is_login_silent: bool) -> str:
    """Why rsync cannot be used; "" if it can."""
    if "rsync" not in programs:
        return "no rsync there"
    if not is_login_silent:
        return LOGIN_NOT_SILENT
    program = shutil.which("rsync", path=ssh_connection.environment().get("PATH"))
    if program is None:
        return "no rsync here"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, errors="replace", check=False)
    return "" if _RSYNC_3.search(version.stdout) else "the rsync here is older than 3"


def transfer_files(transfer: Transfer) -> None:
    """Transfer all files.

    Raises:
        TransportUnavailable: the two rsyncs do not work together.
    """
    # `./` in front: a name that begins with # would be a comment.
    names = b"".join(b"./" + entry.path + b"\0" for entry in transfer.files)
    with ssh_process.running(_argv(transfer)) as program:
        writer = ssh_process.write_input(program, names)
        _watch(program.stdout, transfer)
        writer.join()
        status = program.process.wait()
    if status in _INCOMPATIBLE:
        raise TransportUnavailable(program.reason())
    if status:
        failure = ssh_process.failure(transfer.found, program)
        raise copy_errors.full_here() if isinstance(failure, DiskFull) and not transfer.is_upload else failure


def _argv(transfer: Transfer) -> list[str | bytes]:
    shell = " ".join(_rsync_word(word) for word in ["ssh", *ssh_connection.options(transfer.found)])
    job = transfer.job
    # Compare with files already in place, and do not send identical ones. Compare by content (--checksum): mtimes of
    # unpacked archives say nothing, and the other transports replace every file as well.
    compare: list[str | bytes] = [] if job.creates_root or job.renamed else ["--compare-dest=..", "--checksum"]
    host = _host(transfer.found.host).encode() + b":"
    base, part = below(job.base, b""), below(job.part, b"")
    ends = [base, host + part] if transfer.is_upload else [host + base, part]
    return [*OPTIONS, *compare, "-e", shell, "--", *ends]


def _rsync_word(word: str) -> str:
    """A quoted word of rsync's -e, in which a quote inside quotes is doubled."""
    return "'" + word.replace("'", "''") + "'"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _watch(stream: IO[bytes], transfer: Transfer) -> None:
    """Read rsync's output to the end: file names and progress lines, which end in a line feed or a carriage return."""
    rest, before = b"", 0
    while chunk := stream.read1(ssh_process.CHUNK):  # type: ignore[attr-defined]
        *lines, rest = re.split(rb"[\r\n]", (rest + chunk)[-ssh_process.CHUNK :])
        for line in lines:
            found = _BYTES.match(line)
            if found is None:
                if line.strip():
                    transfer.bar.name(line)
                continue
            moved = int(re.sub(rb"\D", b"", found[1]))
            transfer.bar.add(max(0, moved - before))
            before = max(before, moved)
