"""docs/deploy/Dockerfile builds on a base of debootstrap, and its daemon runs there as compose.yml says.

By an OCI runtime: as an ordinary user, without capabilities, with a root file system that is read only.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.buildah import Buildah, call
from tests.floors.tree import ROOT
from tests.needs import needs, needs_root
from tests.packages import compose, installers
from tests.packages.built import Packages

pytestmark = [pytest.mark.proofs, needs_root, needs("buildah", "crun", "debootstrap", "unshare")]

LIMIT_S = 120
OWN_CGROUPS = "umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec crun --cgroup-manager=disabled"
"""crun wants cgroups of the second version alone, which not every computer has mounted."""


class Container:
    """One container of the image, with the options of a service."""

    def __init__(self, folder: Path, root: Path, settings: dict[str, Any], service: dict[str, Any]) -> None:
        self._crun = ["unshare", "--mount", "sh", "-c", f'{OWN_CGROUPS} --root {folder}/crun "$@"', "crun"]
        self._user = service["user"]
        self.log = folder / "log"
        self.volume = folder / "data"
        self.volume.mkdir(mode=0o700)
        shutil.chown(self.volume, *map(int, self._user.split(":")))
        call("crun", "spec", "--bundle", folder)
        spec = json.loads((folder / "config.json").read_text())
        self._fill_in(spec, root, settings, service)
        (folder / "config.json").write_text(json.dumps(spec))
        with self.log.open("w") as log:
            words = [*self._crun, "run", "--bundle", str(folder), "daemon"]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _fill_in(self, spec: dict[str, Any], root: Path, image: dict[str, Any], service: dict[str, Any]) -> None:
        user, group = map(int, self._user.split(":"))
        process = spec["process"]
        process.update(terminal=False, user={"uid": user, "gid": group}, args=image["Entrypoint"] + service["command"])
        process.update(env=image["Env"], rlimits=[], noNewPrivileges=True)
        if service["cap_drop"] == ["ALL"]:
            process["capabilities"] = {name: [] for name in process["capabilities"]}
        spec["root"] = {"path": str(root), "readonly": service["read_only"]}
        (temporary,) = (text.partition(":") for text in service["tmpfs"])
        (data,) = image["Volumes"]
        spec["mounts"] = [row for row in spec["mounts"] if row["type"] != "cgroup"] + [
            {"destination": temporary[0], "type": "tmpfs", "source": "tmpfs", "options": temporary[2].split(",")},
            {"destination": data, "type": "bind", "source": str(self.volume), "options": ["bind", "rw"]},
        ]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the daemon, as `docker compose exec` does."""
        command = [*self._crun, "exec", "--user", self._user, "daemon", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def must(self, *words: str) -> str:
        """What a command printed that has to succeed."""
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def end(self) -> int:
        """Ask it to end, as a stop of the container does; its exit status."""
        subprocess.run([*self._crun, "kill", "daemon", "TERM"], check=False)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            subprocess.run([*self._crun, "delete", "--force", "daemon"], check=False)
            return self._process.wait(timeout=30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not in memory: an image takes some 2 GB until it is done."""
    made = Path(tempfile.mkdtemp(prefix="gs-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_the_daemon_rents_and_ends_in_its_container(packages: Packages, folder: Path, wait_until: Callable[..., None]):
    installers.program("uv")
    context = folder / "context"
    (context / "docs" / "deploy").mkdir(parents=True)
    shutil.copytree(installers.DEBIAN_WHEELS, context / "dist")
    shutil.copy(packages.wheel, context / "dist")
    shutil.copy(installers.LOCK, context / installers.LOCK.relative_to(ROOT))
    buildah = Buildah(folder)
    buildah.make_base()
    buildah.build(compose.DOCKERFILE, context, "localhost/gpu-shopper", PIP_NO_INDEX="1")
    made = buildah.start_from("localhost/gpu-shopper")
    settings, root = buildah.settings(made), Path(buildah("mount", made))
    assert settings["User"] == compose.image().user
    assert not [path for path in (root / "opt/gpu-shopper").rglob("*") if path.stat().st_uid != 0], (
        "it cannot be changed"
    )

    bundle = folder / "bundle"
    bundle.mkdir()
    container = Container(bundle, root, settings, compose.service("sandbox"))
    try:
        check = compose.service("sandbox")["healthcheck"]["test"][1:]
        wait_until(lambda: container.run(*check).returncode == 0, timeout_s=60, every_s=0.5)
        _rent_and_end(container)
    finally:
        status = container.end()
    assert status == 0, container.log.read_text()
    assert "Read-only" not in container.log.read_text()
    assert {path.stat().st_uid for path in container.volume.rglob("*")} == {1000}


def _rent_and_end(container: Container) -> None:
    status = container.must("cat", "/proc/1/status")
    assert "Uid:\t1000\t1000\t1000\t1000" in status and "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in container.run("touch", "/opt/gpu-shopper/x").stderr
    assert container.must("ssh", "-V") == "" and container.must("rsync", "--version")
    gs = ("gpu-shopper", "--sandbox")
    container.must(*gs, "provision", "--gpu", "4090", "--hours", "1", "--name", "try", "--yes")
    assert "destroyed" in container.must(*gs, "shutdown", "try", "--yes", "--wait", "proven")
