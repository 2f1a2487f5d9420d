"""The heartbeat: write the probe's shell command, and parse its answer strictly: guard, GPUs, disk, network (D8)."""

from __future__ import annotations

import re

from gpushopper.core.model.heartbeat import Hardware, Heartbeat, NetworkCount
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.remote import guard_protocol
from gpushopper.remote.agent import parts
from gpushopper.remote.agent.agent_report import read_agent_report
from gpushopper.remote.ssh_errors import one_line

SIZE_LIMIT = 64 * 1024
"""Bytes of one answer (D8)."""
MOST_GPUS = 64
AGENT, PARTS = "agent", "parts"
"""Sections of the agent's report, and of what came of bringing it there."""

SECTIONS = (
    ("gpus", "smi --query-gpu=name,memory.total,driver_version --format=csv,noheader,nounits"),
    ("cuda", r"smi | sed -n 's/.*CUDA[A-Za-z ]* Version: *\([0-9.]*\).*/\1/p'"),
    ("disk", "df -Pk /"),
    ("network", "head -c 8192 /proc/net/dev"),
)
"""The sections after the guard's report, each with its shell command; empty where the instance lacks the tool."""

# Some images name the folder of the driver's libraries only in a variable.
_SMI = 'smi() { nvidia-smi "$@" || LD_LIBRARY_PATH=$GS_LIBRARIES nvidia-smi "$@"; }'

_NUMBER = re.compile(r"\d{1,7}(\.\d{1,3})?")
# proc_net(5): bytes received are the first number, bytes sent the ninth. A line that was cut is none.
_INTERFACE = re.compile(r"\s*(\S{1,15}):\s*(\d{1,15})(?:\s+\d{1,20}){7}\s+(\d{1,15})(?:\s+\d{1,20}){7}\s*")
LOCAL_INTERFACE = re.compile(r"lo|(docker|br-|veth|virbr|ifb|dummy|cni|flannel)\S*")


def probe_command(marker: str, guard_lines: str, bring_lines: str = "") -> str:
    """The shell command of one probe. Each section begins with a line with `marker`, a random word.

    `bring_lines` alone read the login's stdin; empty where nothing is brought.
    """
    script = ["exec 3<&0", _SMI]
    brought = ((PARTS, bring_lines),) if bring_lines else ()
    for name, words in (("guard", guard_lines), (AGENT, parts.report_command()), *brought, *SECTIONS):
        source = "<&3" if name == PARTS else "</dev/null"
        script += [f"printf '\\n%s {name}\\n' {marker}", f"{{ {words}\n}} {source} 2>/dev/null"]
    script.append(f"printf '\\n%s end\\n' {marker}")
    return over_ssh("\n".join(script))


def has_started(answer: bytes, marker: str) -> bool:
    """Whether our command has started, which proves that the login worked."""
    return f"\n{marker} guard\n".encode() in b"\n" + answer


def read_heartbeat(answer: bytes, marker: str, *, is_complete: bool) -> Heartbeat | None:
    """Parse a heartbeat; None where the answer has another form.

    Of an answer that ended at the time limit, a complete guard report is enough: a GPU driver that hangs must not make
    a guarded instance look unreachable.
    """
    sections = _split(answer.decode("utf-8", "replace"), marker)
    names = [name for name, _ in sections]
    optional = [PARTS] if PARTS in names else []
    order = ["guard", AGENT, *optional, *(name for name, _ in SECTIONS), "end"]
    if names != (order if is_complete else order[: len(names)]) or len(names) < 2:
        return None
    texts = dict(sections[:-1])  # the last one is the end, or incomplete
    hardware = _hardware(texts.get("gpus", ""), texts.get("cuda", ""), texts.get("disk", ""))
    words = texts["guard"].replace("\r\n", "\n").strip("\n")
    agent = read_agent_report(texts.get(AGENT, ""))
    brought = parts.read_brought(texts[PARTS]) if PARTS in texts else None
    network = _network(texts.get("network", ""))
    return Heartbeat(guard_protocol.read_report(words), hardware, agent, brought, network)


def _split(text: str, marker: str) -> list[tuple[str, str]]:
    """The sections by name; text before the first marker, such as a greeting, is dropped."""
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


def _network(text: str) -> NetworkCount | None:
    """The counters of /proc/net/dev, added up; None where there is no interface that leads outside."""
    rows = [match for match in map(_INTERFACE.fullmatch, text.splitlines()) if match is not None]
    outside = [row for row in rows if not LOCAL_INTERFACE.fullmatch(row[1])]
    return NetworkCount(sum(int(r[2]) for r in outside), sum(int(r[3]) for r in outside)) if outside else None
