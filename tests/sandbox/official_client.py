"""The official client in a folder of its own, made once, and one way to run it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.9.1"
# Read when the module is: a test's own home must not hide the cache.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpu-shopper-tests"


def install() -> Path:
    """Return the client's program, installing it once; several test runs may ask at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"vastai-{VERSION}"
    done = folder / "complete"
    with (CACHE / f"vastai-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            # It pins its dependencies, so it never goes into the environment of the tests.
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"vastai=={VERSION}"]
            subprocess.run(
                pip, check=True, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(CACHE.parent.parent)}
            )
            done.touch()
    return folder / "bin" / "vastai"


@dataclass(frozen=True)
class Ran:
    """How a command of the client ended."""

    command: str
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Client:
    """The client with a home, caches and configuration of its own, talking to one server."""

    program: Path
    home: Path
    url: str
    key: str

    def run(self, *arguments: str, key: str | None = None) -> Ran:
        """Run one command without a terminal and return what it printed."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "VASTAI_NO_UPDATE_CHECK": "1",
            "COLUMNS": "160",
        }
        line = [str(self.program), "--url", self.url, "--api-key", key or self.key, *arguments]
        ended = subprocess.run(
            line, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return Ran("vastai " + " ".join(arguments), ended.returncode, ended.stdout, ended.stderr)
