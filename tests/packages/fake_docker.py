"""A stand-in for `docker compose`: the services of docs/deploy/compose.yml run as processes, without containers.

Run as `python -m tests.packages.fake_docker FOLDER compose -f FILE ...`. Volumes are folders in FOLDER, and what a
service sees at a path of its container is the folder or file that is mounted there. Nothing is built: another test
builds the image and runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests import waiting
from tests.packages import compose

READY_LIMIT_S = 60


class Service:
    """One service as processes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.row, self.folder = name, compose.service(name), folder
        self.mounts = compose.mounts(name, folder)
        for path in self.mounts.values():
            if path.parent == folder:
                path.mkdir(mode=0o700, exist_ok=True)
        self.is_ours = self.row["image"] == "gpu-shopper"

    def here(self, text: str) -> str:
        """A text of the container with paths of this computer."""
        longest_first = sorted(self.mounts, key=len, reverse=True)
        places = "|".join(map(re.escape, longest_first))
        return re.sub(rf"(?<![\w.-])({places})(?![\w.-])", lambda found: str(self.mounts[found[1]]), text)

    def variables(self) -> dict[str, str]:
        """Those of the image, with this Python's commands first."""
        given = compose.image().variables if self.is_ours else {}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {name: self.here(value) for name, value in given.items()} | {"PATH": path}

    def words(self, command: list[str]) -> list[str]:
        """The argv of the service's program; a file that names paths of the container is read from a copy."""
        if self.is_ours:
            return [*compose.image().entrypoint, *command]
        copies = self.folder / f"{self.name}-files"
        copies.mkdir(exist_ok=True)
        for inside, path in list(self.mounts.items()):
            if path.suffix == ".yml":
                (copies / path.name).write_text(self.here(path.read_text()))
                self.mounts[inside] = copies / path.name
        return [self.row["image"].rpartition("/")[2], *map(self.here, command)]

    def run(self, words: list[str], **how: object) -> int:
        """Run a program as the service would."""
        return subprocess.run(words, env=self.variables(), check=False, **how).returncode

    def is_healthy(self) -> bool:
        """As its health check says; without one it is once it has been started."""
        check = self.row.get("healthcheck")
        return not check or self.run(check["test"][1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0

    def up(self) -> None:
        """Start it unless it runs, and wait until it is healthy."""
        mark = self.folder / f"{self.name}.pid"
        if mark.exists():
            return
        with (self.folder / f"{self.name}.log").open("w") as log:
            process = subprocess.Popen(
                self.words(self.row["command"]), env=self.variables(), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        mark.write_text(str(process.pid))
        waiting.wait_until(self.is_healthy, timeout_s=READY_LIMIT_S)


def main(folder: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("compose", choices=["compose"])
    parser.add_argument("-f", dest="file", type=Path)
    parser.add_argument("--profile", default="")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build")
    verbs.add_parser("up").add_argument("--detach", action="store_true", required=True)
    for verb, option in (("run", "--rm"), ("exec", "-T")):
        inside = verbs.add_parser(verb)
        inside.add_argument(option, action="store_true")
        inside.add_argument("service")
        inside.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    assert asked.file.resolve() == compose.COMPOSE
    if asked.verb == "build":
        assert list(compose.ROOT.glob("dist/gpu_shopper-*.whl")), "make packages comes first"
        return 0
    if asked.verb == "up":
        for name in compose.wanted(asked.profile):
            Service(folder, name).up()
        return 0
    service = Service(folder, asked.service)
    if asked.verb == "run":
        return service.run(service.words(asked.command))
    assert shutil.which(asked.command[0], path=service.variables()["PATH"]), asked.command
    return service.run(list(map(service.here, asked.command)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
