"""What the daemon and each job do to their own process first: harden it, and open its log.

Apart from `run`: a job needs neither Flask nor the scheduler, whose import takes longer than most jobs.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from gpushopper import log
from gpushopper.clock import SystemClock
from gpushopper.core_dumps import forbid_core_dumps
from gpushopper.paths import Home
from gpushopper.store.sqlite.database_files import file_error


def harden() -> None:
    """Private files whatever the umask (F110), no core dump (it would hold keys), no working directory kept busy."""
    os.umask(0o077)
    forbid_core_dumps()
    os.chdir("/")


def open_log(
    home: Home, redactor: log.Redactor, clock: SystemClock, terminal: Callable[[str], None] | None = None
) -> None:
    """Send the log to the home's file, and as text to a terminal.

    Raises:
        Misconfigured: the file cannot be opened.
        DiskFull: no space.
    """
    try:
        log.configure(home.log, redactor, lambda: clock.now().wall, terminal=terminal)
    except OSError as error:
        raise file_error(home.log, error) from error
