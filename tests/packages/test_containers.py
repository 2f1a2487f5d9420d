"""What docs/deploy installs, in containers on a base of debootstrap: its image, and units of a real systemd."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import waiting
from tests.buildah import Buildah
from tests.floors.tree import ROOT
from tests.needs import needs, needs_root, require
from tests.packages import compose, installers
from tests.packages.built import Packages
from tests.packages.oci import Container, Options
from tests.packages.test_services import blocks

pytestmark = [pytest.mark.sweep, needs_root, needs("buildah", "crun", "debootstrap", "unshare")]

GS = ("gpu-shopper", "--sandbox")
ADMINISTRATOR = [
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN",
    "CAP_SYS_CHROOT", "CAP_SYS_NICE", "CAP_SYS_PTRACE",
]  # fmt: skip
"""What systemd needs as the first process of a container."""
WITH_SYSTEMD = """\
FROM localhost/base
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \\
 dbus dbus-user-session libpam-systemd openssh-client python3-venv rsync systemd systemd-sysv
"""
FUNCTIONS = """\
wait_for() { for _ in $(seq 300); do if "$@"; then return; fi; read -r -t 0.2 <> <(:) || :; done; return 1; }
restarted() { [ "$("$@" show -P NRestarts gpu-shopper)" = 1 ] && "$@" is-active gpu-shopper; }
"""
"""For shells in there: `wait_for COMMAND` repeats it for a minute; `restarted systemctl`: it is ready after a kill."""


@pytest.fixture(scope="module")
def buildah() -> Iterator[Buildah]:
    """With the base; not in memory."""
    require("buildah", "crun", "debootstrap", "unshare")
    installers.program("uv")
    folder = Path(tempfile.mkdtemp(prefix="gs-", dir="/var/tmp"))
    made = Buildah(folder)
    made.make_base()
    yield made
    made.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_daemon_rents_and_ends_in_its_container(
    packages: Packages, buildah: Buildah, wait_until: Callable[..., None]
):
    """As compose.yml says: as an ordinary user, without capabilities, with a root file system that is read only."""
    context = buildah.folder / "context"
    (context / "docs" / "deploy").mkdir(parents=True)
    shutil.copytree(installers.DEBIAN_WHEELS, context / "dist")
    shutil.copy(packages.wheel, context / "dist")
    shutil.copy(installers.LOCK, context / installers.LOCK.relative_to(ROOT))
    buildah.build(compose.DOCKERFILE, context, "localhost/gpu-shopper", PIP_NO_INDEX="1")
    made = buildah.start_from("localhost/gpu-shopper")
    image, root, service = buildah.settings(made), Path(buildah("mount", made)), compose.service("sandbox")
    assert image["User"] == compose.image().user
    assert not [path for path in (root / "opt/gpu-shopper").rglob("*") if path.stat().st_uid != 0], "it stays as it is"

    volume = buildah.folder / "data"
    volume.mkdir(mode=0o700)
    user, group = map(int, service["user"].split(":"))
    shutil.chown(volume, user, group)
    (temporary,) = (text.partition(":") for text in service["tmpfs"])
    (data,) = image["Volumes"]
    options = Options(
        [*image["Entrypoint"], *service["command"]], image["Env"], (user, group),
        is_read_only=service["read_only"], mounts={data: volume}, memory={temporary[0]: temporary[2]},
    )  # fmt: skip
    container = Container(buildah.folder / "image", root, options)
    try:
        check = service["healthcheck"]["test"][1:]
        wait_until(lambda: container.run(*check).returncode == 0, timeout_s=60, every_s=0.5)
        _rent_and_end(container)
    finally:
        status = container.end()
    assert status == 0, container.log.read_text()
    assert "Read-only" not in container.log.read_text()
    assert {path.stat().st_uid for path in volume.rglob("*")} == {user}


def _rent_and_end(container: Container) -> None:
    status = container.must("cat", "/proc/1/status")
    assert "Uid:\t1000\t1000\t1000\t1000" in status and "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only file system" in container.run("touch", "/opt/gpu-shopper/x").stderr
    assert container.must("ssh", "-V") == "" and container.must("rsync", "--version")
    container.must(*GS, "provision", "--gpu", "4090", "--hours", "1", "--name", "try", "--yes")
    assert "destroyed" in container.must(*GS, "shutdown", "try", "--yes", "--wait", "proven")


@pytest.fixture(scope="module")
def systemd(packages: Packages, buildah: Buildah) -> Iterator[Container]:
    """A computer with a systemd as its first process; what the guide asks for lies in /root/here."""
    (buildah.folder / "Dockerfile").write_text(WITH_SYSTEMD)
    buildah.build(buildah.folder / "Dockerfile", buildah.folder, "localhost/systemd")
    here = buildah.folder / "here"
    shutil.copytree(installers.DEBIAN_WHEELS, here / "wheels")
    for path in (packages.wheel, installers.LOCK, compose.DEPLOY / "gpu-shopper.service"):
        shutil.copy(path, here)
    options = Options(
        ["/sbin/init"], ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"], capabilities=ADMINISTRATOR,
        is_read_only=False, may_gain=True, is_host_of_cgroups=True, mounts={"/root/here": here},
        memory={"/run": "mode=755", "/tmp": "mode=1777"},
    )  # fmt: skip
    root = Path(buildah("mount", buildah.start_from("localhost/systemd")))
    container = Container(buildah.folder / "systemd", root, options)
    try:
        waiting.wait_until(lambda: container.run("systemctl", "is-system-running").returncode == 0, every_s=0.5)
        container.must("bash", "-c", _by_hand(blocks("A server")[0]))
        yield container
    finally:
        container.end("KILL")


def _by_hand(block: str, *more: str) -> str:
    """A block of the guide as root types it in that folder, where pip has no registry."""
    offline = "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/here/wheels"
    return "\n".join(["set -e", "cd /root/here", offline, FUNCTIONS, block, *more])


def test_a_server_follows_the_guide_and_its_unit_keeps_the_daemon_running(systemd: Container):
    _, block = blocks("A server")
    told = systemd.must("bash", "-c", _by_hand(block, "gs daemon status"), text="a-key-that-is-none\n")
    assert re.search(r"running: version \S+, process \d+", told)
    assert systemd.must("stat", "-c", "%U %a", "/var/lib/gpu-shopper/keys.toml") == "gpushopper 600\n"
    status = systemd.must("bash", "-c", "cat /proc/$(systemctl show -P MainPID gpu-shopper)/status")
    assert "NoNewPrivs:\t1" in status and "CapBnd:\t0000000000000000" in status and "Seccomp:\t2" in status
    systemd.must("systemd-analyze", "security", "--threshold=20", "gpu-shopper")  # of 100: it says "OK" below 40
    killed = "kill -9 $(systemctl show -P MainPID gpu-shopper)\nwait_for restarted systemctl\ngs daemon status"
    systemd.must("bash", "-c", _by_hand(block.split("\ngs ")[0], killed))


def test_a_user_has_it_kept_running_by_their_own_manager(systemd: Container):
    """`daemon install` with a manager of systemd's own, which lingers."""
    systemd.must("bash", "-c", _by_hand("useradd --create-home alice\nloginctl enable-linger alice"))
    systemd.must("bash", "-c", f"{FUNCTIONS}wait_for test -S /run/user/$(id -u alice)/bus")

    def alice(script: str) -> str:
        own = "export XDG_RUNTIME_DIR=/run/user/$(id -u) PATH=/opt/gpu-shopper/bin:$PATH\ncd\nset -e\n"
        return systemd.must(
            "runuser", "-u", "alice", "--", "env", "HOME=/home/alice", "bash", "-c", own + FUNCTIONS + script
        )

    assert "installed and running" in alice("gpu-shopper daemon install --linger")
    unit = alice("systemctl --user show -P Type -P WatchdogUSec -P Restart gpu-shopper").split("\n")
    assert sorted(unit) == ["", "2min", "always", "notify"]
    alice("kill -9 $(systemctl --user show -P MainPID gpu-shopper)\nwait_for restarted systemctl --user")
    assert "running" in alice("gpu-shopper daemon status")
    assert "stopped" in alice("gpu-shopper daemon stop")
    assert alice("gpu-shopper ls; systemctl --user is-active gpu-shopper").split()[-1] == "active", (
        "a command starts it"
    )
    assert "removed" in alice("gpu-shopper daemon uninstall")
    assert alice("systemctl --user is-active gpu-shopper || gpu-shopper daemon status || echo $?").endswith("5\n")
