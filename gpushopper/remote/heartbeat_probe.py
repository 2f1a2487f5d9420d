"""One command that lets an instance say what guards it and what it has, and the strict reading of its answer (D8)."""

from __future__ import annotations

import re

from gpushopper.core.model.heartbeat import Hardware, Heartbeat
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.remote import guard_protocol
from gpushopper.remote.ssh_errors import one_line

SIZE_LIMIT = 64 * 1024
"""Bytes of one answer (D8)."""
MOST_GPUS = 64

SECTIONS = (
    ("gpus", "smi --query-gpu=name,memory.total,driver_version --format=csv,noheader,nounits"),
    ("cuda", r"smi | sed -n 's/.*CUDA[A-Za-z ]* Version: *\([0-9.]*\).*/\1/p'"),
    ("disk", "df -Pk /"),
)
"""What is asked after the guard, each with its standard shell command; nothing is printed where there is no such."""

# Some images keep the driver's libraries where only a variable of theirs leads.
_SMI = 'smi() { nvidia-smi "$@" || LD_LIBRARY_PATH=$GS_LIBRARIES nvidia-smi "$@"; }'

_NUMBER = re.compile(r"\d{1,7}(\.\d{1,3})?")


def command(marker: str, guard_lines: str) -> str:
    """The one shell command. Each answer stands between lines that carry `marker`, which no foreign text knows."""
    script = [_SMI]
    for name, words in (("guard", guard_lines), *SECTIONS):
        script += [f"printf '\\n%s {name}\\n' {marker}", f"{{ {words}\n}} </dev/null 2>/dev/null"]
    script.append(f"printf '\\n%s end\\n' {marker}")
    return over_ssh("\n".join(script))


def has_begun(answer: bytes, marker: str) -> bool:
    """Whether our command ran: then there was a login."""
    return f"\n{marker} guard\n".encode() in b"\n" + answer


def read(answer: bytes, marker: str, *, is_complete: bool) -> Heartbeat | None:
    """The heartbeat in an answer, or None where it has not the form we asked for.

    Of an answer that was cut at the time limit the guard's words are enough, when they are whole: a GPU driver that
    hangs must not make a guarded instance look lost.
    """
    sections = _split(answer.decode("utf-8", "replace"), marker)
    order = ["guard", *(name for name, _ in SECTIONS), "end"]
    names = [name for name, _ in sections]
    if names != (order if is_complete else order[: len(names)]) or len(names) < 2:
        return None
    texts = dict(sections[:-1])  # the last one is the end, or was cut
    hardware = _hardware(texts.get("gpus", ""), texts.get("cuda", ""), texts.get("disk", ""))
    words = texts["guard"].replace("\r\n", "\n").strip("\n")
    return Heartbeat(guard_protocol.read_report(words), hardware)


def _split(text: str, marker: str) -> list[tuple[str, str]]:
    """The named parts; what came before the first marker, greetings say, belongs to none."""
    pieces = re.split(rf"^{re.escape(marker)} ([a-z]+)\r?$", text, flags=re.MULTILINE)
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def _hardware(gpus: str, cuda: str, disk: str) -> Hardware:
    rows = [row for row in map(_gpu, gpus.splitlines()) if row is not None][:MOST_GPUS]
    sizes = [vram for _, vram, _ in rows if vram is not None]
    version = _first_word(cuda)
    return Hardware(
        gpus=tuple(name for name, _, _ in rows),
        vram_mb=min(sizes, default=None),
        driver=rows[0][2] if rows else "",
        cuda=version if _NUMBER.fullmatch(version) else "",
        disk_gb=_disk_gb(disk),
    )


def _gpu(line: str) -> tuple[str, int | None, str] | None:
    """Name, memory in MB and driver of one line of nvidia-smi; None for any other line."""
    words = [one_line(word, 80) for word in line.split(",")]
    if len(words) != 3 or not words[0]:
        return None
    return words[0], int(float(words[1])) if _NUMBER.fullmatch(words[1]) else None, words[2]


def _first_word(text: str) -> str:
    words = text[:1000].split()
    return words[0] if words else ""


def _disk_gb(text: str) -> float | None:
    """Size of the root file system in GB (10^9 bytes), from the portable output of df."""
    lines = [line.split() for line in text.strip().splitlines()]
    words = lines[-1] if len(lines) >= 2 else []
    if len(words) < 6 or not re.fullmatch(r"\d{1,15}", words[1]):
        return None
    return int(words[1]) * 1024 / 1e9
