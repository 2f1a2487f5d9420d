"""Where the system's programs have no Python, instances get the one that runs the sandbox, at the same path."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from gpushopper.sandbox.live.instance.disk import TOOLS, prepare_disk
from gpushopper.sandbox.live.instance.host_files import TOOLS as STAND_INS
from gpushopper.sandbox.live.instance.host_files import HostFiles
from gpushopper.sandbox.live.instance.python import find_python
from gpushopper.sandbox.live.instance.root_filesystem import Plan


def test_the_systems_own_python_is_enough(tmp_path):
    (tmp_path / "python3").touch()
    assert find_python(tmp_path) == []


if not Path(sys.base_prefix).is_relative_to("/usr"):  # else this Python is the system's own, and shown anyway

    @pytest.mark.proofs
    def test_another_python_works_inside_and_cannot_be_written(containable, folder, tmp_path):
        extra = find_python(tmp_path)
        assert extra == [sys.base_prefix]
        files = HostFiles(folder / "python")
        files.prepare(None, "boot")
        prepare_disk(files.disk, STAND_INS, extra)
        script = f"/{TOOLS}/python3 -c 'import ssl, sys; print(sys.base_prefix)'; touch {sys.base_prefix}/harm"
        plan = Plan(str(files.disk), str(files.mounted), ["/bin/sh", "-c", script], {}, "c1", {}, extra)
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "gpushopper.sandbox.live.instance.container"]
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/") as container:
            container.stdin.write(json.dumps(asdict(plan)) + "\n")
            container.stdin.flush()  # and the pipe stays open: its end would be the container's
            told = container.stderr.read()
        assert told.startswith(sys.base_prefix)
        assert "Read-only file system" in told
