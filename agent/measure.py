"""Measure this instance: what verdict.py needs to know, as one sample (ends.md E2).

Standard library, Python 3.8 or newer. All that users write is hostile or damaged: every read is bounded, opens no pipe
and follows no link. Our own processes, files and logins are told apart: they are no use (F128).
"""

import contextlib
import glob
import os
import re
import select
import signal
import stat
import subprocess
import time
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from verdict import Sample

WINDOW = 6  # samples: a minute, for the network
SMI_LIMIT_S = 5
MOST_PROCESSES, MOST_RUNS, MOST_GPUS = 20_000, 2_000, 64
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SMI = ["nvidia-smi", "--query-gpu=name,utilization.gpu,memory.used,memory.total,temperature.gpu"]
RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
HOOK = "before-end"
LOCAL_INTERFACE = re.compile(r"lo|(docker|br-|veth|virbr|ifb|dummy|cni|flannel)\S*")
MARKED = (b"sh", b"dash", b"ash", b"bash", b"busybox", b"timeout", b"python")
SSH_SERVERS = (b"sshd", b"sshd-session", b"sshd-auth", b"dropbear")


class Place:
    """Where things are: our folder, and the root that holds /proc, /sys, /dev and the homes (another one in tests)."""

    def __init__(self, folder: str, root: str = "/") -> None:
        self.folder, self.root = folder, root

    def at(self, *path: str) -> str:
        return os.path.join(self.root, *path)

    def read(self, path: str, size: int = 65_536) -> bytes:
        """At most `size` bytes of a file. Raises OSError also for links and pipes."""
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise OSError("not a file: " + path)
            found, piece = b"", b"-"
            while piece and len(found) < size:  # /proc gives a page at a time
                piece = os.read(opened, size - len(found))
                found += piece
            return found
        finally:
            os.close(opened)

    def text(self, path: str, size: int = 400) -> str:
        """The beginning of a file, empty where it cannot be read."""
        try:
            return self.read(path, size).decode("ascii", "replace").strip()
        except OSError:
            return ""

    def keep(self, name: str, text: str) -> bool:
        """Replace a file of ours as a whole; False, and the old one stays, where the disk takes nothing."""
        target = os.path.join(self.folder, name)
        new = "{}.{}".format(target, os.getpid())
        try:
            with open(new, "w", encoding="ascii") as file:
                file.write(text + "\n")
            os.replace(new, target)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(new)
            return False
        return True

    def remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.folder, name))

    def uptime(self) -> float:
        return float(self.read(self.at("proc/uptime")).split()[0])

    def boot(self) -> str:
        return self.text(self.at("proc/sys/kernel/random/boot_id"), 64)

    def process(self, pid: int) -> List[bytes]:
        """Name, state, parent and so on of a process: /proc/PID/stat. Raises OSError."""
        head, _, rest = self.read(self.at("proc", str(pid), "stat"), 4096).rpartition(b")")
        words = [head.partition(b"(")[2], *rest.split()]
        if len(words) < 21:
            raise OSError("no process: {}".format(pid))
        return words

    def lives(self, pid: int, birth: int) -> bool:
        """Whether a process runs: no zombie, not stopped, and no later one of that number."""
        try:
            words = self.process(pid)
        except OSError:
            return False
        return int(words[20]) == birth and words[1] not in (b"Z", b"T", b"t", b"X")

    def run_folders(self) -> Iterator[Tuple[str, str]]:
        """Id and path of every run, the hook aside. Raises OSError where there are too many."""
        homes = {self.at("root"), *(entry.path for entry in listed(self.at("home"), 500)), *self.homes()}
        for home in sorted(homes):
            for entry in listed(os.path.join(home, ".gpu-shopper/runs"), MOST_RUNS):
                if RUN_ID.fullmatch(entry.name) and entry.name != HOOK and entry.is_dir(follow_symlinks=False):
                    yield entry.name, entry.path

    def writing_runs(self) -> Set[str]:
        """Folders of the runs whose output some process has open."""
        found = set()
        for link in glob.iglob(self.at("proc", "[0-9]*", "fd", "[12]")):
            with contextlib.suppress(OSError):
                folder = os.path.dirname(os.readlink(link))
                if "/.gpu-shopper/runs/" in folder:
                    found.add(folder)
        return found

    def homes(self) -> Iterator[str]:
        """The homes in /etc/passwd: some lie elsewhere than in /home."""
        with contextlib.suppress(OSError):
            for line in self.read(self.at("etc/passwd"), 100_000).decode("utf-8", "replace").splitlines():
                words = line.split(":")
                if len(words) == 7 and words[5].startswith("/"):
                    yield self.at(words[5].strip("/"))


def listed(folder: str, most: int) -> List["os.DirEntry[str]"]:
    """What a folder holds; empty where there is none. Raises OSError where it holds too much."""
    found: List[os.DirEntry[str]] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if len(found) == most:
                raise OSError("more than {} files in {}".format(most, folder))
            found.append(entry)
    return found


# ---- signals --------------------------------------------------------------------------------------------------------


def ours_among(place: Place, found: Dict[int, List[bytes]]) -> Dict[int, bool]:
    """Which processes are ours: guard, upkeep, agent, scripts over ssh, and all they started; not users' runs."""
    name = os.fsencode(os.path.basename(place.folder))
    marks = [b"/" + name + b"/guard.sh\0hold", b"/" + name + b"/upkeep.sh", b"/" + name + b"/agent.py\0watch"]
    # The first line of every script of ours that is a command over ssh; the words of those that follow a run or pull.
    marks += [b"GS_LIBRARIES=${LD_LIBRARY_PATH-}", b"\0-s\0gpu-shopper-logs\0", b"\0-s\0gpu-shopper-pull\0"]
    known = {os.getpid(): True, 0: False, 1: False}
    for pid, words in found.items():
        # The first process is never ours: it inherits what others leave behind.
        if pid != 1 and words[0].startswith(MARKED):
            with contextlib.suppress(OSError):
                line = place.read(place.at("proc", str(pid), "cmdline"), 8192)
                if any(mark in line for mark in marks):
                    known[pid] = True
                elif b"\0gpu-shopper-run\0" in line:
                    known[pid] = b"/" + HOOK.encode() + b"\0" in line
    for pid in found:
        chain: List[int] = []
        while pid not in known and pid in found and len(chain) < 1000:
            chain.append(pid)
            pid = int(found[pid][2])
        known.update(dict.fromkeys(chain, known.get(pid, False)))
    return known


def look_at_processes(place: Place) -> Tuple[Dict[Tuple[int, int], Tuple[float, float]], float, Dict[int, int]]:
    """The user's processes with their times, the sum of ours, and the bytes that each of ours wrote."""
    found: Dict[int, List[bytes]] = {}
    tick = os.sysconf("SC_CLK_TCK")
    for entry in listed(place.at("proc"), MOST_PROCESSES):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry.name)] = place.process(int(entry.name))
    if 1 not in found:
        raise OSError("not all processes are visible")
    ours, mine, written, users = ours_among(place, found), 0.0, {}, {}
    for pid, words in found.items():
        own, children = (sum(map(int, words[at : at + 2])) / tick for at in (12, 14))
        if ours.get(pid) or words[0] in SSH_SERVERS:
            mine += own + children
            if ours.get(pid):
                io = re.search(r"^wchar: (\d+)", place.text(place.at("proc", str(pid), "io")), re.MULTILINE)
                written[pid] = int(io.group(1)) if io else 0
        elif not int(words[7]) & 0x200000:  # no thread of the kernel
            users[pid, int(words[20])] = (own, own + children)
    return users, mine, written


def group_seconds(place: Place) -> Optional[float]:
    """Processor time of the container's own cgroup; None where there is none, as in a VM.

    The root of a host's tree is told by files that a container's cgroup has or lacks (cgroups(7), cgroup-v2).
    """
    v2, v1 = place.at("sys/fs/cgroup"), place.at("sys/fs/cgroup/cpuacct")
    if os.path.exists(os.path.join(v2, "cgroup.events")):
        used = re.search(r"^usage_usec (\d+)", place.text(os.path.join(v2, "cpu.stat")), re.MULTILINE)
        return int(used.group(1)) / 1e6 if used else None
    text = place.text(os.path.realpath(os.path.join(v1, "cpuacct.usage")))
    return int(text) / 1e9 if text.isdigit() and not os.path.exists(os.path.join(v1, "release_agent")) else None


def look_at_network(place: Place) -> int:
    """Bytes in and out over all interfaces but local ones (proc_net(5)). Raises OSError."""
    lines = place.read(place.at("proc/net/dev")).decode("ascii", "replace").splitlines()[2:]
    rows = [line.partition(":")[::2] for line in lines]
    counts = [row.split() for name, row in rows if not LOCAL_INTERFACE.fullmatch(name.strip())]
    if not counts:
        raise OSError("no network interface")
    return sum(int(words[0]) + int(words[8]) for words in counts)


def look_at_output(place: Place) -> Dict[str, int]:
    """Bytes that each run has written so far."""
    sizes: Dict[str, int] = {}
    for _, path in place.run_folders():
        for name in ("out", "err"):
            with contextlib.suppress(FileNotFoundError):
                found = os.lstat(os.path.join(path, name))
                sizes[path] = sizes.get(path, 0) + (found.st_size if stat.S_ISREG(found.st_mode) else 0)
    return sizes


def look_at_terminals(place: Place) -> Dict[str, float]:
    """When each terminal was last read from: the kernel notes that to 8 s. What is written to one, as our own warnings
    are, changes another time."""
    seen: Dict[str, float] = {}
    os.stat(place.at("dev/pts"))
    for entry in listed(place.at("dev/pts"), MOST_RUNS):
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError):
                seen[entry.name] = os.stat(entry.path).st_atime
    return seen


class Smi:
    """nvidia-smi: one at a time, and never waited for longer than its limit, even where it cannot be killed."""

    def __init__(self, place: Place, limit_s: float = SMI_LIMIT_S) -> None:
        self.limit_s = limit_s
        self.process: Optional["subprocess.Popen[bytes]"] = None
        first = dict(word.partition("=")[::2] for word in place.text(place.at("proc/1/environ"), 65_536).split("\0"))
        path = ":".join((os.environ.get("PATH", SYSTEM_PATH), first.get("PATH", "")))
        base = {"PATH": path, "LC_ALL": "C"}
        # Some images name the folder of the driver's libraries only in a variable of the container.
        self.environments = [base, {**base, "LD_LIBRARY_PATH": first.get("LD_LIBRARY_PATH", "")}]

    def gpus(self) -> Tuple[Dict[str, Any], ...]:
        """Every GPU with its load. Raises OSError with the reason."""
        answer = self.ask(self.environments[0])
        if not answer:
            self.environments.reverse()
            answer = self.ask(self.environments[0])
        rows = [[clean(word) for word in line.split(",")] for line in answer.decode("ascii", "replace").splitlines()]
        numbers = [[int(word) if word.isdigit() else None for word in row[1:]] for row in rows]
        if not rows or len(rows) > MOST_GPUS or any(len(row) != 4 or row[0] is None for row in numbers):
            raise OSError("nvidia-smi tells no load")
        keys = ("load", "memory_mb", "total_mb", "temperature")
        return tuple({"name": row[0], **dict(zip(keys, found))} for row, found in zip(rows, numbers))

    def ask(self, environment: Dict[str, str]) -> bytes:
        """Its answer, empty where it failed. Raises OSError where it is missing or too slow."""
        if self.process and self.process.poll() is None:
            raise OSError("nvidia-smi hangs")
        words = [*SMI, "--format=csv,noheader,nounits"]
        null = subprocess.DEVNULL
        try:
            self.process = process = subprocess.Popen(
                words, env=environment, stdin=null, stdout=subprocess.PIPE, stderr=null, start_new_session=True
            )
        except FileNotFoundError:
            raise OSError("there is no nvidia-smi") from None
        answer, end = b"", time.monotonic() + self.limit_s
        assert process.stdout
        with process.stdout as pipe:
            while len(answer) < 65_536 and select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
                piece = os.read(pipe.fileno(), 65_536)
                answer += piece
                if not piece:
                    break
        try:
            return answer if process.wait(max(0.1, end - time.monotonic())) == 0 else b""
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise OSError("nvidia-smi does not answer within {} s".format(self.limit_s)) from None


def clean(text: str) -> str:
    """A short piece of text from outside, printable."""
    return re.sub(r"[^ -~]", "?", text.strip())[:60]


class Sampler:
    """Takes samples; what cannot be measured is named in them."""

    def __init__(self, place: Place) -> None:
        self.place, self.smi = place, Smi(place)
        self.written: Dict[int, int] = {}
        self.count = 0

    def look(self, before: Optional[Sample]) -> Sample:
        """One look at everything. Raises OSError where there is no clock."""
        place = self.place
        unknown: Dict[str, str] = {}
        at, boot, wall = place.uptime(), place.boot(), time.time()

        def measured(name: str, look: Any, *words: Any) -> Any:
            try:
                return look(*words)
            except (OSError, ValueError, IndexError) as error:
                unknown[name] = clean(str(error))
                return None

        users, ours, written = measured("cpu", look_at_processes, place) or ({}, 0.0, {})
        traffic = measured("network", self.traffic, before, at, written) or ()
        return Sample(
            boot, at, wall, unknown, users, ours, measured("cgroup", group_seconds, place), traffic,
            measured("output", look_at_output, place) or {}, measured("terminal", look_at_terminals, place) or {},
            measured("gpu", self.smi.gpus) or (),
        )  # fmt: skip

    def traffic(self, before: Optional[Sample], at: float, written: Dict[int, int]) -> Tuple[Tuple[float, int], ...]:
        """The user's bytes of the last minute: what the interfaces counted, less what a pull of ours wrote."""
        count = look_at_network(self.place)
        sent = max((new - self.written.get(pid, 0) for pid, new in written.items()), default=0)
        more = max(0, count - self.count - max(0, sent))
        self.written, self.count = written, count
        if before is None or not before.traffic:
            return ((at, 0),)
        return (*before.traffic, (at, before.traffic[-1][1] + more))[-WINDOW - 1 :]
