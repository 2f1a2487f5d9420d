"""A stand-in for `systemctl --user` and `loginctl`: starts what a unit's file says, waits for READY=1, stops it again.

Run as `python -m tests.cli.fake_systemctl FOLDER systemctl|loginctl ARGUMENTS`; FOLDER keeps what was asked and the
process that runs. It restarts nothing by itself.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

LIMIT_S = 60


def main(folder: Path, program: str, *words: str) -> int:
    with (folder / "asked").open("a") as asked:
        asked.write(f"{program} {shlex.join(words)}\n")
    if (folder / "refuses").exists():
        print("Failed to connect to bus: No such file or directory", file=sys.stderr)
        return 1
    if program == "loginctl":
        print((folder / "linger").read_text() if (folder / "linger").exists() else "no")
        return 0
    if (folder / "inert").exists():
        return 0
    verb, unit = words[1], words[-1]
    if verb in ("stop", "restart", "disable"):
        stop(folder)
    if verb in ("start", "restart") and not is_running(folder):
        return start(folder, unit)
    return 0


def start(folder: Path, unit: str) -> int:
    text = (Path(os.environ["XDG_CONFIG_HOME"]) / "systemd" / "user" / unit).read_text()
    command = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)[0]
    given = [shlex.split(line)[0] for line in re.findall(r"^Environment=(.*)$", text, re.MULTILINE)]
    variables = dict(pair.split("=", 1) for pair in given)
    inherited = {name: os.environ[name] for name in ("HOME", "PATH", "XDG_CONFIG_HOME")}
    notify = folder / "notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(notify))
        channel.settimeout(LIMIT_S)
        process = subprocess.Popen(
            shlex.split(command), env={**inherited, **variables, "NOTIFY_SOCKET": str(notify)}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        (folder / "pid").write_text(str(process.pid))
        return 0 if channel.recv(100) == b"READY=1" else 1


def is_running(folder: Path) -> bool:
    try:
        pid = int((folder / "pid").read_text())
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, ValueError):
        return False


def stop(folder: Path) -> None:
    if not is_running(folder):
        return
    pid = int((folder / "pid").read_text())
    ended = os.pidfd_open(pid)
    os.kill(pid, signal.SIGTERM)
    select.select([ended], [], [], LIMIT_S)
    os.close(ended)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
