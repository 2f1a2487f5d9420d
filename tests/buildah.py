"""Images built by buildah on a base that debootstrap makes: no daemon, no registry."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

LIMIT_S = 900
BASE = "localhost/base"


def call(*words: object) -> str:
    """Run a program that has to succeed; what it printed."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout.strip()


class Buildah:
    """buildah with a store of its own in a folder; chroot isolation, which works inside containers, too.

    Layers are overlays where the file system can carry them; else each is a copy of all below it, which takes minutes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._words = ["buildah", "--root", str(folder / "images"), "--runroot", str(folder / "run")]
        overlay = subprocess.run(
            [*self._words, "--storage-driver", "overlay", "info"], capture_output=True, check=False
        )
        if overlay.returncode:
            shutil.rmtree(folder / "images", ignore_errors=True)
        self._words += ["--storage-driver", "vfs" if overlay.returncode else "overlay"]

    def __call__(self, *words: object) -> str:
        return call(*self._words, *words)

    def make_base(self) -> None:
        """Make a small Debian stable, called `localhost/base`."""
        call("debootstrap", "--variant=minbase", "stable", self.folder / "base")
        empty = self("from", "scratch")
        self("copy", "--quiet", empty, self.folder / "base", "/")
        self("commit", "--quiet", empty, BASE)
        self("rm", empty)
        shutil.rmtree(self.folder / "base")

    def build(self, dockerfile: Path, context: Path, tag: str, **arguments: str) -> None:
        """Build a Dockerfile on that base."""
        given = [f"--build-arg={name}={value}" for name, value in {"BASE": BASE, **arguments}.items()]
        self("bud", "--isolation", "chroot", "--pull-never", *given, "--tag", tag, "-f", dockerfile, context)

    def start_from(self, tag: str) -> str:
        """A container of an image; its name."""
        return self("from", "--pull-never", tag)

    def settings(self, container: str) -> dict[str, Any]:
        """What the image says of its user, variables, command and volumes."""
        return dict(json.loads(self("inspect", container))["OCIv1"]["config"])

    def end(self) -> None:
        """Remove all containers and what is mounted in the folder; it can be removed then."""
        self("rm", "--all")
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed(mounted):
            if Path(place).is_relative_to(self.folder):
                call("umount", place)
