"""Whether this computer can contain an instance at all; tried, not guessed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

from gpushopper.sandbox.live.instance.disk import prepare_disk, remove_disk
from gpushopper.sandbox.live.instance.exec_in_container import NEEDED, Door
from gpushopper.sandbox.live.instance.host_files import TOOLS, HostSide
from gpushopper.sandbox.live.supervisor_process import environment

_LIMIT_S = 20


def why_not(folder: Path) -> str | None:
    """Return in one line why no live instance can run here, None when one can; leaves nothing behind."""
    if sys.platform != "linux":
        return "live instances need Linux namespaces"
    if importlib.util.find_spec("asyncssh") is None:
        return "live instances need asyncssh: pip install 'gpu-shopper[sandbox]'"
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"live instances need {', '.join(absent)} (util-linux)"
    place = folder / "probe"
    try:
        told = _try(place)
    except (OSError, subprocess.TimeoutExpired) as error:
        told = str(error)
    finally:
        remove_disk(place / "disk")
        shutil.rmtree(place, ignore_errors=True)
    return f"live instances cannot be contained here: {told}" if told else None


def _try(place: Path) -> str:
    """Start a container and go in; return what is said against it, nothing when it works."""
    side = HostSide(place)
    side.prepare(None, "probe")
    prepare_disk(side.disk, TOOLS)
    plan = {
        "disk": str(side.disk),
        "host": str(side.shown),
        "command": ["/bin/sh", "-c", "exec sleep 60"],
        "env": {},
        "name": "probe",
        "missing": {},
        "extra": [],
    }
    command = [sys.executable, "-m", "gpushopper.sandbox.live.instance.container"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), cwd="/"
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(plan).encode() + b"\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline() or b"{}")
        return _enter(said["pid"]) if "pid" in said else str(said.get("failed", "the container did not start"))


def _enter(pid: int) -> str:
    """Go in as a login does."""
    done = subprocess.run(
        Door(pid).command("true"), stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT_S, cwd="/", check=False
    )
    return done.stderr.decode(errors="replace").strip().partition("\n")[0] if done.returncode else ""
