"""agent/Dockerfile builds, on a base that debootstrap makes, and its image has what guard and agent use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.needs import needs, needs_root

AGENT = Path(__file__).parents[2] / "agent"
BUILD_LIMIT_S = 900


def call(*words: object) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout.strip()


@pytest.mark.proofs
@needs_root
@needs("buildah", "debootstrap")
def test_the_image_has_guard_agent_and_what_they_use(tmp_path: Path):
    buildah = ["buildah", "--root", tmp_path / "images", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    call("debootstrap", "--variant=minbase", "stable", tmp_path / "base")
    empty = call(*buildah, "from", "scratch")
    call(*buildah, "copy", empty, tmp_path / "base", "/")
    call(*buildah, "commit", empty, "localhost/base")
    options = [
        "--isolation",
        "chroot",
        "--pull-never",
        "--build-arg",
        "BASE=localhost/base",
        "--tag",
        "localhost/image",
    ]
    call(*buildah, "bud", *options, "-f", AGENT / "Dockerfile", AGENT)
    made = call(*buildah, "from", "--pull-never", "localhost/image")

    def inside(script: str) -> str:
        """Run what ends nothing and starts nothing; there is no process namespace in there."""
        return call(*buildah, "run", "--isolation", "chroot", made, "--", "sh", "-c", script)

    assert inside("gpu-shopper-agent version") == "1"
    assert inside("for f in /usr/local/lib/gpu-shopper/*.sh; do sh -n $f || echo $f; done") == ""
    assert len(inside("for p in curl python3 sshd timeout setsid cksum stat; do command -v $p; done").split()) == 7
    assert inside("ls /etc/ssh/ssh_host_* 2>/dev/null || echo none") == "none", "keys of their own for each instance"
    call(*buildah, "rm", "--all")
