"""Run pytest and print the wall and CPU time of the whole run: `python -m tests.timed NAME [PYTEST OPTION ...]`.

Tests start daemons that detach. As a child subreaper (prctl(2)) this process becomes their parent when their own is
gone, waits for them, and so counts their CPU time too. Temporary files go into one folder, which is removed at the
end. The exit status is pytest's.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    name, *options = sys.argv[1:]
    start = time.monotonic()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = Path(tempfile.mkdtemp(prefix="gs-"))  # short: Unix sockets lie below it
    folder.chmod(0o1777)  # as /tmp: some tests run as another user
    # Without byte code each of the hundreds of processes that tests start would compile the product again.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup every process of the tests would ignore it
    command = [sys.executable, "-m", "pytest", *options]
    child = subprocess.Popen(command, env={**variables, "TMPDIR": str(folder)})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # pytest hears Ctrl-C itself and ends in order
    code = _wait_for(child.pid)
    shutil.rmtree(folder, ignore_errors=True)
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
