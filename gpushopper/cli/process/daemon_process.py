"""Spawn the daemon in the background and wait until it is ready; stop it; run one-shot jobs (`... daemon once`)."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from gpushopper import errors
from gpushopper.cli.app import App
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process.homes import environment, refuse_server
from gpushopper.cli.process.supervisor.installed import installed_manager
from gpushopper.client import Client, JsonObject, error_from_response
from gpushopper.clock import SystemClock
from gpushopper.paths import Home

START_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
ONCE_LIMIT_S = 120.0
LONG_JOB_LIMIT_S = 2 * 3600.0
HOLDER_LIMIT_S = 10.0
"""How long a daemon that holds the home's lock may not answer (D13); a lost socket is bound anew before (F97)."""
MODULE = "gpushopper.daemon"
SHARED_HEAP = {"MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Else each of the daemon's eighty threads keeps memory of its own, in a heap and in a cache of glibc: 46 MB and 60 MB
with 200 live instances, measured. Threads of which one at a time has the interpreter's lock gain nothing by either."""


def command(*words: str) -> list[str]:
    """The argv that runs the daemon package with this interpreter."""
    return [sys.executable, "-m", MODULE, *words]


def start(home: Home) -> JsonObject:
    """Start the daemon and wait until it is ready; raise its own error if it does not start (S21).

    The service manager that it is installed with starts it; without one, and where that fails, it is spawned detached.
    """
    refuse_server(home)
    if _start_supervised(home):
        return JsonObject(ok=True)
    reader, writer = os.pipe()
    log = _log_file(home)
    try:
        subprocess.Popen(
            command("detached", "--ready-fd", str(writer)),
            pass_fds=(writer,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log or subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={**SHARED_HEAP, **environment(home)},
        )
    finally:
        os.close(writer)
        if log:
            log.close()
    try:
        line = read_line(reader, START_LIMIT_S)
    finally:
        os.close(reader)
    return _started(line, home)


def _start_supervised(home: Home) -> bool:
    """Let the service manager start it, where it is installed; whether it is up."""
    manager = installed_manager(home)
    if manager is None:
        return False
    try:
        manager.start()
        poll(Client(home).is_up, HOLDER_LIMIT_S)
    except (errors.Misconfigured, WaitTimeout):
        _stop_supervised(home)  # else it would try again and again beside the one that is spawned now
        return False
    return True


def _stop_supervised(home: Home) -> None:
    """Let the service manager stop it, where it is installed: a daemon that ends by itself is started again."""
    manager = installed_manager(home)
    if manager is not None:
        with suppress(errors.Misconfigured):  # no manager runs: it starts nothing either
            manager.stop()


def _log_file(home: Home) -> IO[bytes] | None:
    """The log as stderr of the new daemon: for errors before it has opened the log itself."""
    try:
        home.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open_private(home.log)
    except OSError:
        return None  # the daemon reports what is wrong with the folder


def open_private(path: os.PathLike[str]) -> IO[bytes]:
    """Open a file for appending that only its owner can read (F110)."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def read_line(fd: int, limit_s: float) -> bytes:
    """Read one line from a pipe within a total time limit; an incomplete line if the limit or the pipe ends first."""
    clock, text = SystemClock(), b""
    ends_at = clock.monotonic() + limit_s
    while not text.endswith(b"\n"):
        left = ends_at - clock.monotonic()
        ready = select.select([fd], [], [], max(left, 0))[0]
        piece = os.read(fd, 65536) if ready else b""
        if not piece:
            break
        text += piece
    return text


def _started(line: bytes, home: Home) -> JsonObject:
    answer = _decode(line)
    if answer is None:
        raise not_started(home)
    if "error" not in answer:
        return answer
    error = error_from_response(answer["error"])
    if error.code != "already_running":
        raise error
    # Another command started one at the same moment; use that one.
    try:
        poll(Client(home).is_up, HOLDER_LIMIT_S)
    except WaitTimeout:
        raise errors.DaemonUnreachable(
            f"a daemon holds this home and does not answer: {error.message}", f"see: {home.log}; end that process"
        ) from None
    return answer


def not_started(home: Home) -> errors.DaemonUnreachable:
    """The error where it has ended before it said why."""
    return errors.DaemonUnreachable("the daemon did not start", f"see: {home.log}")


def _decode(line: bytes) -> JsonObject | None:
    try:
        answer = json.loads(line, object_hook=JsonObject)
    except ValueError:
        return None
    return answer if isinstance(answer, JsonObject) else None


def stop(app: App) -> bool:
    """Stop the daemon if one answers, and wait until its process has ended; returns whether there was one.

    Another waiting command may have started the next one by then (S20).
    """
    refuse_server(app.home)
    client = app.client_without_start()
    pid = int(client.status().pid) if client.is_up() else 0
    _stop_supervised(app.home)
    if not pid:
        return False
    if client.is_up():
        pid = client.stop().pid
    try:
        poll(lambda: not is_alive(pid), STOP_LIMIT_S)
    except WaitTimeout as timeout:
        raise errors.NotVerified("the daemon was requested to stop and still runs", f"see: {app.home.log}") from timeout
    return True


def is_alive(pid: int) -> bool:
    """Whether a process of this user with this id runs; a zombie does not count.

    A process whose main thread has ended but other threads have not still counts: it holds its port.
    """
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0 and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False  # it has ended, or there is no /proc
    return stat.rpartition(")")[2].split()[:1] == ["Z"] and threads <= 1


def run_one_shot_job(home: Home, *words: str, secret: str | None = None) -> Any:
    """Run a one-shot job in a process of its own and return its answer; a secret goes to stdin, not argv (I21)."""
    try:
        done = subprocess.run(
            command("once", *words),
            input=None if secret is None else secret.encode(),
            stdin=subprocess.DEVNULL if secret is None else None,
            capture_output=True,
            timeout=ONCE_LIMIT_S,
            cwd="/",
            env=environment(home),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise errors.ShopperError(f"{words[0]} did not finish within {ONCE_LIMIT_S:.0f} s") from error
    lines = done.stdout.strip().splitlines()
    answer = _decode(lines[-1]) if lines else None
    if answer is None:
        raise errors.ShopperError(f"{words[0]} gave no answer (status {done.returncode})", _last_line(done.stderr))
    if "error" in answer:
        raise error_from_response(answer["error"])
    return answer


def run_without_daemon(app: App, *words: str, keeps_stopped: bool = False) -> Any:
    """Run a one-shot job that needs the home for itself: the daemon is stopped for it, by its manager where it has one.

    Afterwards, and where the job refuses, a daemon runs again if one did or a manager keeps one; not with
    `keeps_stopped` after a job that is done.
    """
    was_up = stop(app)
    try:
        answer = run_one_shot_job(app.home, *words)
    except BaseException:  # Ctrl-C, too
        keeps_stopped = False
        raise
    finally:
        if not keeps_stopped and (was_up or installed_manager(app.home) is not None):
            start(app.home)
    return answer


def run_long_job(home: Home, *words: str, note: Callable[[str], None]) -> Any:
    """Run a one-shot job that takes minutes, and pass on what it says meanwhile: JSON lines with a `note`."""
    process = subprocess.Popen(
        command("once", *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment(home),
    )
    answer = None
    with process:
        assert process.stdout is not None
        stop = threading.Timer(LONG_JOB_LIMIT_S, process.kill)
        stop.start()
        try:
            for line in process.stdout:
                found = _decode(line)
                if found is not None and "note" in found:
                    note(str(found.note))
                else:
                    answer = found or answer
        finally:
            stop.cancel()
            process.kill()
    if answer is None:
        raise errors.ShopperError(f"{words[0]} gave no answer (status {process.returncode})")
    if "error" in answer:
        raise error_from_response(answer["error"])
    return answer


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
