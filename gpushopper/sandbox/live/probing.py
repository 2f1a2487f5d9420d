"""Whether this computer can contain an instance at all; tried, not guessed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

from gpushopper.sandbox.live.disk import prepare_disk, remove_disk
from gpushopper.sandbox.live.entering import NEEDED
from gpushopper.sandbox.live.hostside import TOOLS, HostSide
from gpushopper.sandbox.live.running import environment

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
        return _try(place)
    finally:
        remove_disk(place / "disk")
        shutil.rmtree(place, ignore_errors=True)


def _try(place: Path) -> str | None:
    side = HostSide(place)
    side.prepare(None, "probe")
    prepare_disk(side.disk, TOOLS)
    plan = {
        "disk": str(side.disk),
        "host": str(side.shown),
        "command": ["/bin/sh", "-c", "exit 0"],
        "env": {},
        "name": "probe",
        "missing": {},
        "extra": [],
    }
    command = [sys.executable, "-m", "gpushopper.sandbox.live.container"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), cwd="/"
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(plan).encode() + b"\n")
        process.stdin.flush()
        said = [json.loads(line) for line in process.stdout]
    if {"exited": 0} in said:
        return None
    told = next((str(facts["failed"]) for facts in said if "failed" in facts), "the container did not start")
    return f"live instances cannot be contained here: {told}"
