"""What every carrier is given, and how it says that it cannot serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gpushopper.cli.remote.copy.entries import Entry
from gpushopper.cli.remote.copy.planning import Job
from gpushopper.cli.remote.copy.progress_bar import Bar

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView


class Trip(NamedTuple):
    """Files to carry from the job's base to its part folder; `begun` are sizes of files that were cut off."""

    found: ConnectionView
    job: Job
    is_upload: bool
    files: tuple[Entry, ...]
    begun: Mapping[bytes, int]
    bar: Bar


class CannotServe(Exception):
    """This carrier is not there, or not fit for this instance; nothing was carried, another one may."""
