"""The argument of every transport, and the exception of one that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.remote.copy.planning import Job
from gpushopper.cli.remote.copy.progress_bar import ProgressBar
from gpushopper.results.entries import Entry

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

LOGIN_NOT_SILENT = "login scripts there print text"
"""Why rsync and sftp cannot be used where login scripts write into their stream."""


class Transfer(NamedTuple):
    """Files to transfer from the job's base to its part folder; `begun` maps cut-off files to the bytes they have."""

    found: ConnectionView
    job: Job
    is_upload: bool
    files: tuple[Entry, ...]
    begun: Mapping[bytes, int]
    bar: ProgressBar


class TransportUnavailable(Exception):
    """This transport does not exist or does not work with this instance; nothing was transferred, try the next one."""
