"""Carry files by rsync, where both sides have it: only differences go over, and a cut-off file goes on."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import IO

from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy import ssh_process
from gpushopper.cli.remote.copy.path_arguments import below
from gpushopper.cli.remote.copy.transports.transfer import CannotServe, Trip
from gpushopper.errors import DiskFull

_RSYNC_3 = re.compile(r"rsync\s+version 3\.")
"""What calls itself rsync on macOS knows neither progress nor safe names."""
# Times are compared to the last digit: by whole seconds two files of one length could be taken for the same. Only the
# plain files of the list are carried, straight into the part folder, where a file that is cut off is gone on with.
OPTIONS = (
    "rsync", "-tp", "-s", "--modify-window=-1", "--inplace", "--chmod=ug-s,o-t", "--from0", "--files-from=-",
    "--no-implied-dirs", "--no-motd", "--no-human-readable", "--info=name1,progress2", "--outbuf=L",
)  # fmt: skip
_NOT_FIT = frozenset((1, 2, 4, 127))
"""Statuses of programs that do not understand each other: wrong options, protocol or abilities."""
_BYTES = re.compile(rb"^\s*([\d,.]+)\s+\d{1,3}%")


def why_not(programs: frozenset[str], is_quiet: bool) -> str:
    """The reason why rsync cannot be used, "" where it can."""
    if "rsync" not in programs:
        return "no rsync there"
    if not is_quiet:
        return "the login's shell there speaks by itself"
    program = shutil.which("rsync", path=ssh_connection.environment().get("PATH"))
    if program is None:
        return "no rsync here"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, errors="replace", check=False)
    return "" if _RSYNC_3.search(said.stdout) else "the rsync here is older than 3"


def carry(trip: Trip) -> None:
    """Carry all files of a trip.

    Raises:
        CannotServe: the two programs do not understand each other.
    """
    # A line that begins with # would be a comment.
    names = b"".join(b"./" + entry.path + b"\0" for entry in trip.files)
    with ssh_process.running(_argv(trip)) as program:
        feeding = ssh_process.fed(program, names)
        _watch(program.stdout, trip)
        feeding.join()
        status = program.process.wait()
    if status in _NOT_FIT:
        raise CannotServe(program.reason())
    if status:
        failure = ssh_process.failure(trip.found, program)
        raise ssh_process.full_here() if isinstance(failure, DiskFull) and not trip.is_upload else failure


def _argv(trip: Trip) -> list[str | bytes]:
    shell = " ".join(_rsync_word(word) for word in ["ssh", *ssh_connection.options(trip.found)])
    job = trip.job
    # What is in place already is compared with, and not sent when it is the same. By its content: what was unpacked
    # from an archive often has a time that says nothing, and the other carriers leave nothing old in place either.
    compare: list[str | bytes] = [] if job.creates_root or job.renamed else ["--compare-dest=..", "--checksum"]
    host = _host(trip.found.host).encode() + b":"
    base, part = below(job.base, b""), below(job.part, b"")
    ends = [base, host + part] if trip.is_upload else [host + base, part]
    return [*OPTIONS, *compare, "-e", shell, "--", *ends]


def _rsync_word(word: str) -> str:
    """A word of rsync's -e: it splits at spaces, knows quotes, and doubles a quote inside quotes."""
    return "'" + word.replace("'", "''") + "'"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _watch(stream: IO[bytes], trip: Trip) -> None:
    """Read names and progress to the end: lines that end in a line feed or a carriage return."""
    rest, before = b"", 0
    while piece := stream.read1(ssh_process.PIECE):  # type: ignore[attr-defined]
        *lines, rest = re.split(rb"[\r\n]", (rest + piece)[-ssh_process.PIECE :])
        for line in lines:
            found = _BYTES.match(line)
            if found is None:
                if line.strip():
                    trip.bar.name(line)
                continue
            moved = int(re.sub(rb"\D", b"", found[1]))
            trip.bar.add(max(0, moved - before))
            before = max(before, moved)
