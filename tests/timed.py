"""Run pytest and print the wall and CPU time of the whole run: `python -m tests.timed NAME [PYTEST OPTION ...]`.

Tests start daemons that detach. As a child subreaper (prctl(2)) this process becomes their parent when their own is
gone, waits for them, and so counts their CPU time too. Its exit status is pytest's.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    name, *options = sys.argv[1:]
    start = time.monotonic()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Without byte code each of the hundreds of processes that tests start would compile the product again.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen([sys.executable, "-m", "pytest", *options], env=variables)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest hears Ctrl-C itself and ends in order
    code = _wait_for(child.pid)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{name}: {_minutes(time.monotonic() - start)} wall, {_minutes(cpu)} CPU", flush=True)
    return code


def _wait_for(wanted: int) -> int:
    """Reap every child, adopted ones included, until the wanted one has ended; return its exit status."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == wanted:
            return os.waitstatus_to_exitcode(status)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


if __name__ == "__main__":
    sys.exit(main())
