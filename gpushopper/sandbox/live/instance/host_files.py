"""The files of a live instance outside its disk: the folder mounted as /.instance, ssh host keys, the start-up log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gpushopper.sandbox.live.instance.hardware import memory_text, processor_text

INSIDE = Path(__file__).parent / "inside"
LOG_LIMIT = 256 * 1024
"""Bytes of start-up output that are kept; the rest is dropped, so that an instance cannot fill the disk."""

GPU_FIELDS = ("name", "count", "memory", "driver", "cuda", "load", "power", "cap")
"""What the simulated nvidia-smi prints; a claim may replace each (`POST /revise`, gpu_claim)."""


REPLACED_PROGRAMS = ("date", "df", "nproc")
"""Programs that would show this computer's clock, disk and processors: ours are mounted over them, so that no search
path inside finds the real ones."""


TOOLS = (*sorted((INSIDE / "tools").iterdir()), *(INSIDE / name for name in REPLACED_PROGRAMS))
"""Programs that are put into the first folder of PATH inside."""


VM_TOOLS = tuple(sorted((INSIDE / "vm" / "tools").iterdir()))
"""Programs of a virtual machine, which a container has not: systemctl, sudo, crontab, poweroff ..."""


def read_log(folder: Path) -> str:
    """Return what the container of the instance in this folder has printed so far; empty where it has not run."""
    try:
        return (folder / "log").read_text(errors="replace")
    except OSError:
        return ""


class HostFiles:
    """`<folder>/host` is mounted inside and readable there: it holds no secret from the instance.

    `<folder>/log` and `<folder>/host_key-N` are not mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = folder / "host"
        self.disk = folder / "disk"
        self.log = folder / "log"

    def prepare(self, onstart: str | None, boot_id: str, first_boot: str | None = None) -> None:
        """Write the files that a container needs when it starts; `first_boot` is a virtual machine's."""
        self.mounted.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.mounted.chmod(0o755)
        for name in ("init", "launch", "login", "disk-full", *REPLACED_PROGRAMS):
            shutil.copyfile(INSIDE / name, self.mounted / name)
        if first_boot is not None:
            for name in ("boot", "unit"):
                shutil.copyfile(INSIDE / "vm" / name, self.mounted / name)
            self.write("first-boot", first_boot)
        (self.mounted / "real").mkdir(exist_ok=True)
        for name in REPLACED_PROGRAMS:
            (self.mounted / name).chmod(0o755)
            self.write(f"real/{name}", "")  # the container mounts the real program here
        self.write("onstart", onstart or "")
        self.write("boot_id", f"{boot_id}\n")
        for name in ("uptime", "meminfo", "cpuinfo"):
            self.write(name, "")

    def write(self, name: str, text: str) -> None:
        """Overwrite a mounted file in place: some are also mounted elsewhere, and a rename would not reach those."""
        handle = os.open(self.mounted / name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with open(handle, "w") as file:
            file.write(text)
            file.flush()
            os.ftruncate(handle, len(text.encode()))

    def write_gpu(self, facts: Mapping[str, object]) -> None:
        """Write the GPU facts, which nvidia-smi reads at every call."""
        lines = (f"{name}={str(facts[name]).splitlines()[0]}\n" for name in GPU_FIELDS)
        self.write("gpu", "".join(lines))

    def write_hardware(self, facts: Mapping[str, str], *, is_full: bool) -> None:
        """Write the sizes of disk and memory and the processors."""
        self.write("disk", f"{facts['disk_kb']} {'full' if is_full else ''}\n")
        self.write("meminfo", memory_text(facts))
        self.write("cpuinfo", processor_text(facts))

    def key_file(self, number: int) -> Path:
        """Return the path of the ssh host key of this number (0600)."""
        return self.folder / f"host_key-{number}"

    def append_log(self, output: bytes) -> None:
        """Append to the start-up log, up to LOG_LIMIT."""
        with self.log.open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(output[: max(LOG_LIMIT - file.tell(), 0)])
