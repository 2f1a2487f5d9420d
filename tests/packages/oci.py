"""A container of an image's root folder, run by crun in namespaces of its own: processes, mounts, network, cgroups."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.buildah import call

LIMIT_S = 240
END_S = 40
OWN_CGROUP = """\
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/$1 || exit 1
if [ "$3" = run ]; then echo $$ >/sys/fs/cgroup/$1/cgroup.procs || exit 1; fi
crun=$2
shift 2
exec crun --root "$crun" --cgroup-manager=disabled "$@"
"""
"""crun wants cgroups of the second version alone, which not every computer has mounted; ours is one below the root."""


@dataclass(frozen=True)
class Options:
    """How a container is run."""

    command: Sequence[str]
    variables: Sequence[str]
    """NAME=value."""
    user: tuple[int, int] = (0, 0)
    capabilities: Sequence[str] = ()
    is_read_only: bool = True
    may_gain: bool = False
    """Whether set-uid programs work."""
    mounts: Mapping[str, Path] = field(default_factory=dict)
    memory: Mapping[str, str] = field(default_factory=dict)
    """Folders in memory, and their mount options."""
    is_host_of_cgroups: bool = False


class Container:
    """A running container."""

    def __init__(self, folder: Path, root: Path, options: Options) -> None:
        folder.mkdir()
        self._crun = ["unshare", "--mount", "sh", "-c", OWN_CGROUP, "sh", folder.parent.name, str(folder / "crun")]
        self._options, self._cgroup = options, folder.parent.name
        self.log = folder / "log"
        call("crun", "spec", "--bundle", folder)
        spec = json.loads((folder / "config.json").read_text())
        _fill_in(spec, root, options)
        (folder / "config.json").write_text(json.dumps(spec))
        with self.log.open("w") as log:
            words = [*self._crun, "run", "--bundle", str(folder), "it"]
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker exec` does; `text` is its standard input."""
        user, group = self._options.user
        command = [*self._crun, "exec", "--user", f"{user}:{group}", "it", *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def must(self, *words: str, text: str = "") -> str:
        """What a command printed that has to succeed."""
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}{self.log.read_text()}"
        return done.stdout

    def end(self, signal: str = "TERM") -> int:
        """Ask its first process to end, as a stop of the container does; its exit status."""
        subprocess.run([*self._crun, "kill", "it", signal], capture_output=True, check=False)
        try:
            status = self._process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            subprocess.run([*self._crun, "delete", "--force", "it"], capture_output=True, check=False)
            status = self._process.wait(timeout=END_S)
        emptied = f"mount -t cgroup2 none /mnt && find /mnt/{self._cgroup} -depth -type d -exec rmdir {{}} +"
        subprocess.run(["unshare", "--mount", "sh", "-c", emptied], capture_output=True, check=False)
        return status


def _fill_in(spec: dict[str, Any], root: Path, options: Options) -> None:
    user, group = options.user
    process = spec["process"]
    process.update(terminal=False, user={"uid": user, "gid": group}, args=list(options.command), rlimits=[])
    process.update(env=list(options.variables), noNewPrivileges=not options.may_gain)
    process["capabilities"] = {kind: list(options.capabilities) for kind in ("bounding", "effective", "permitted")}
    spec["root"] = {"path": str(root), "readonly": options.is_read_only}
    mounts = [row for row in spec["mounts"] if row["type"] != "cgroup"]
    mounts += [_mount(place, "tmpfs", "tmpfs", *words.split(",")) for place, words in options.memory.items()]
    mounts += [_mount(place, "bind", str(source), "bind", "rw") for place, source in options.mounts.items()]
    if options.is_host_of_cgroups:
        mounts.append(_mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw", "nosuid", "noexec", "nodev"))
        spec["linux"]["namespaces"].append({"type": "cgroup"})
        spec["linux"].update(maskedPaths=[], readonlyPaths=[])
    spec["mounts"] = mounts


def _mount(place: str, kind: str, source: str, *words: str) -> dict[str, Any]:
    return {"destination": place, "type": kind, "source": source, "options": list(words)}
