"""Starts the loopback ssh server in namespaces of its own, with the folder of its user."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

LIMIT_S = 120
NAMESPACES = ["unshare", "--user", "--map-root-user", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]
SMI = """#!/bin/sh
case "$*" in
*--query-gpu*) printf 'NVIDIA GeForce RTX 4090, 24564, 550.54.15\\n%.0s' 1 2 ;;
*) echo '| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4     |' ;;
esac
"""
GUARD = r"""printf 'gs-guard 1\narmed=1\nwhy=\nleft=%s\nmax_left=43200\nseq=%s\nholders=2\n' "${3:-7200}" "${2:-0}"
"""


SHOW_GUARD = """
mount -t tmpfs none /var/lib; ln -s "$HOME/.gs-guard" /var/lib/.gs-guard
[ ! -d /usr/local/sbin ] || mount --bind "$HOME/bin" /usr/local/sbin
[ ! -d /usr/local/bin ] || { mount --bind /usr/local/bin /usr/local/bin; mount -o remount,bind,ro /usr/local/bin; }
exec "$@"
"""
"""A guard is looked for in the home that the user's entry names, which here is this computer's; then in /var/lib.

The programs in `bin` are the image's own: our parts search there before the user's path. Nothing is installed among
the programs of this computer.
"""


@cache
def has_namespaces() -> bool:
    tried = subprocess.run(
        [*NAMESPACES, "true"], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, check=False
    )  # fmt: skip
    return tried.returncode == 0


def limit(process: subprocess.Popen[Any], limit_s: float = LIMIT_S) -> threading.Timer:
    """Kill it after a time limit, so that waiting for its output or its end is bounded."""
    timer = threading.Timer(limit_s, process.kill)
    timer.daemon = True
    timer.start()
    return timer


@dataclass
class Host:
    """One server process; `home` is its user's home folder."""

    top: Path
    process: subprocess.Popen[str] | None = None
    port: int = 0
    arguments: tuple[str, ...] = field(default=())

    @property
    def home(self) -> Path:
        return self.top / "home"

    @property
    def authorized(self) -> Path:
        return self.top / "authorized"

    def prepare(self, public_key: str, *, guard: bool = True, gpus: bool = True) -> None:
        (self.home / "bin").mkdir(parents=True, exist_ok=True)
        self.authorized.write_text(public_key + "\n")
        if guard:
            (self.home / ".gs-guard").mkdir(exist_ok=True)
            (self.home / ".gs-guard" / "guard.sh").write_text(GUARD)
        if gpus:
            smi = self.home / "bin" / "nvidia-smi"
            smi.write_text(SMI)
            smi.chmod(0o755)
        self.new_host_key()

    def new_host_key(self) -> None:
        key = self.top / "host_key"
        key.unlink(missing_ok=True)
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
        subprocess.run(words, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=True)

    def start(self, *arguments: str, port: int = 0) -> Host:
        script = Path(__file__).with_name("loopback_ssh.py")
        given = ["--host-key", str(self.top / "host_key"), "--authorized", str(self.authorized), "--port", str(port)]
        self.process = subprocess.Popen(
            [*NAMESPACES, "sh", "-ec", SHOW_GUARD, "sh", sys.executable, str(script), *given, *arguments],
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.home,
        )  # fmt: skip
        assert self.process.stdout is not None
        timer = limit(self.process)
        self.port = int(self.process.stdout.readline())
        timer.cancel()
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=60)
            self.process = None
