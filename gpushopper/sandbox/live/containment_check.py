"""Checks whether live instances can be contained on this computer, by starting one container and entering it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

from gpushopper.sandbox.live.instance.disk import prepare_disk, remove_disk
from gpushopper.sandbox.live.instance.exec_in_container import NEEDED, ContainerExec
from gpushopper.sandbox.live.instance.host_files import TOOLS, HostFiles
from gpushopper.sandbox.live.supervisor_process import environment

_LIMIT_S = 20


def containment_problem(folder: Path) -> str | None:
    """Return one line that says why no live instance can run here; None when one can. Leaves no files."""
    if sys.platform != "linux":
        return "live instances need Linux namespaces"
    if importlib.util.find_spec("asyncssh") is None:
        return "live instances need asyncssh: pip install 'gpu-shopper[sandbox]'"
    absent = [program for program in NEEDED if shutil.which(program) is None]
    if absent:
        return f"live instances need {', '.join(absent)} (util-linux)"
    trial = folder / "probe"
    try:
        problem = _try_container(trial)
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    finally:
        remove_disk(trial / "disk")
        shutil.rmtree(trial, ignore_errors=True)
    return f"live instances cannot be contained here: {problem}" if problem else None


def _try_container(trial: Path) -> str:
    """Start a container and run a program in it; return the error message, empty when it works."""
    files = HostFiles(trial)
    files.prepare(None, "probe")
    prepare_disk(files.disk, TOOLS)
    plan = {
        "disk": str(files.disk),
        "host": str(files.mounted),
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
        message = json.loads(process.stdout.readline() or b"{}")
        return _enter(message["pid"]) if "pid" in message else str(message.get("failed", "the container did not start"))


def _enter(pid: int) -> str:
    """Run `true` inside as an ssh session would; return the first line of its error."""
    done = subprocess.run(
        ContainerExec(pid).command("true"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_LIMIT_S,
        cwd="/",
        check=False,
    )
    return done.stderr.decode(errors="replace").strip().partition("\n")[0] if done.returncode else ""
