"""The host's side of an instance: the read-only folder that is /.instance inside, its host keys, its log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gpushopper.sandbox.live.instance.hardware import memory_text, processor_text

INSIDE = Path(__file__).parent / "inside"
LOG_LIMIT = 256 * 1024
"""Bytes of start-up output kept; what comes after is dropped, so that no instance fills the disk."""

GPU_FIELDS = ("name", "count", "memory", "driver", "cuda", "load", "power", "cap")
"""What the stand-in nvidia-smi tells; a claim may replace each (`POST /revise`, gpu_claim)."""


STAND_INS = ("date", "df", "nproc")
"""Programs that would tell of this computer, not of the host that is played: these answer in their place, whatever the
search path inside."""


TOOLS = (*sorted((INSIDE / "tools").iterdir()), *(INSIDE / name for name in STAND_INS))
"""Programs that come first in the search path inside."""


def read_log(folder: Path) -> str:
    """What the container of the instance in this folder has printed so far; nothing where it has not run."""
    try:
        return (folder / "log").read_text(errors="replace")
    except OSError:
        return ""


class HostSide:
    """`<folder>/host` is shown inside and readable there; nothing in it is a secret from the instance.

    `<folder>/log` and `<folder>/host_key-N` are not shown.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown = folder / "host"
        self.disk = folder / "disk"
        self.log = folder / "log"

    def prepare(self, onstart: str | None, boot_id: str) -> None:
        """Write what a container finds when it starts."""
        self.shown.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.shown.chmod(0o755)
        for name in ("init", "launch", "login", "disk-full", *STAND_INS):
            shutil.copyfile(INSIDE / name, self.shown / name)
        (self.shown / "real").mkdir(exist_ok=True)
        for name in STAND_INS:
            (self.shown / name).chmod(0o755)
            self.write(f"real/{name}", "")  # where the container shows the real program
        self.write("onstart", onstart or "")
        self.write("boot_id", f"{boot_id}\n")
        for name in ("uptime", "meminfo", "cpuinfo"):
            self.write(name, "")

    def write(self, name: str, text: str) -> None:
        """Write a shown file in place: some are shown at a second place, which a rename would not reach."""
        handle = os.open(self.shown / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with open(handle, "w") as file:
            file.write(text)
            file.flush()
            os.ftruncate(handle, len(text.encode()))

    def write_gpu(self, facts: Mapping[str, object]) -> None:
        """Say what the GPUs are; nvidia-smi reads it at every call."""
        lines = (f"{name}={str(facts[name]).splitlines()[0]}\n" for name in GPU_FIELDS)
        self.write("gpu", "".join(lines))

    def write_machine(self, facts: Mapping[str, str], *, is_full: bool) -> None:
        """Say how much disk, memory and how many processors there are."""
        self.write("disk", f"{facts['disk_kb']} {'full' if is_full else ''}\n")
        self.write("meminfo", memory_text(facts))
        self.write("cpuinfo", processor_text(facts))

    def key_file(self, number: int) -> Path:
        """Return where the host key of this number is kept, 0600."""
        return self.folder / f"host_key-{number}"

    def keep(self, output: bytes) -> None:
        """Add to the log as long as there is room."""
        with self.log.open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(output[: max(LOG_LIMIT - file.tell(), 0)])
