"""agent/Dockerfile builds, on a base that debootstrap makes, and its image has what guard and agent use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.buildah import Buildah
from tests.needs import needs, needs_root

AGENT = Path(__file__).parents[2] / "agent"


@pytest.mark.proofs
@needs_root
@needs("buildah", "debootstrap")
def test_the_image_has_guard_agent_and_what_they_use(tmp_path: Path):
    buildah = Buildah(tmp_path)
    buildah.make_base()
    buildah.build(AGENT / "Dockerfile", AGENT, "localhost/image")
    made = buildah.start_from("localhost/image")

    def inside(script: str) -> str:
        """Run what ends nothing and starts nothing; there is no process namespace in there."""
        return buildah("run", "--isolation", "chroot", made, "--", "sh", "-c", script)

    assert inside("gpu-shopper-agent version") == "1"
    assert inside("for f in /usr/local/lib/gpu-shopper/*.sh; do sh -n $f || echo $f; done") == ""
    assert len(inside("for p in curl python3 sshd timeout setsid cksum stat; do command -v $p; done").split()) == 7
    assert inside("ls /etc/ssh/ssh_host_* 2>/dev/null || echo none") == "none", "keys of their own for each instance"
    buildah.end()
