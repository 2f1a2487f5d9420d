"""A contained instance: boot script and guard in namespaces of their own, in a time of their own.

Nothing that belongs on an instance may run elsewhere: a guard's last resort is to power off. The first process
(contained_instance.sh) exits unless it is the first of its own process namespace and cannot write to the checkout.

The clock stands still except in `run_for`, and moves on there to the time at which the next sleeping process is due,
once all of them sleep: what a machine needs for its work, however slow it is, takes no time in there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from gpushopper.core.model.heartbeat import GuardRenewal, GuardStatus
from gpushopper.core.model.shell_environment import SYSTEM_PATH, over_ssh
from gpushopper.remote import guard_protocol
from tests.agent.provider import INSTANCE, KEY
from tests.agent.sleepers import Sleepers
from tests.needs import lacking
from tests.waiting import patience

HERE = Path(__file__).parent
NOBODY = 65534
TRUE_START = 1_800_000_000
UPTIME = 1_000_000
NO_APPLET = {"cksum"}
"""Some builds of busybox lack it, and others have it: an image with such a one has the program beside it here."""
TOOLS = {
    "base64", "cat", "chmod", "chown", "cksum", "date", "dd", "env", "getent", "grep", "gzip", "gunzip", "head", "id",
    "kill", "ln", "ls", "mkdir", "mkfifo", "mv", "od", "ps", "rm", "sed", "setsid", "sort", "stat", "sync", "tail",
    "timeout", "touch", "tr", "true", "wc",
}  # fmt: skip


@dataclass(frozen=True)
class Image:
    """What an image has: which shell is its sh, whose tools, and which clients for HTTP."""

    shell: str
    clients: tuple[str, ...] = ("curl", "wget", "python3")

    @property
    def is_busybox(self) -> bool:
        return self.shell == "busybox"


def namespace_command(uid: int = 0) -> list[str]:
    """Give up root if we have it, then open the namespaces: even mapped root is an ordinary user outside."""
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
    mapped = [f"--map-user={uid}", f"--map-group={uid}", "--keep-caps"]
    return [*drop, "unshare", "--user", *mapped, "--pid", "--mount", "--ipc", "--uts", "--fork", "--mount-proc"]


def containment_problem() -> str:
    """Return why no instance can be contained here; empty where it can."""
    if reason := lacking("unshare", "setpriv", "nsenter", "dash", "busybox"):
        return reason
    tried = subprocess.run([*namespace_command(), "true"], capture_output=True, text=True, check=False)
    return f"needs namespaces to contain an instance in: {tried.stderr.strip()}" if tried.returncode else ""


def make_scratch() -> Path:
    """Make the folder of one instance, in memory where programs may run there: a guard saves its state each tick."""
    memory = Path("/dev/shm")
    usable = os.access(memory, os.W_OK) and not os.statvfs(memory).f_flag & os.ST_NOEXEC
    scratch = Path(tempfile.mkdtemp(prefix="gs-inside-", dir=memory if usable else "/tmp"))
    scratch.chmod(0o755)
    return scratch


class Instance:
    def __init__(self, scratch: Path, image: Image, boot_text: str, disk: str = "kept", uid: int = 0) -> None:
        self.scratch, self.image, self.disk, self.uid = scratch, image, disk, uid
        self.environment = {"CONTAINER_ID": INSTANCE, "CONTAINER_API_KEY": KEY}
        self.users: dict[str, str] = {}
        """What its user set for the container, on top of that."""
        self.true_base = TRUE_START - UPTIME
        self.skew = 0
        self.boots = 0
        self.process: subprocess.Popen[str] | None = None
        self.first = 0
        self.sleepers = Sleepers()
        disks = (f"disk/{name}" for name in ("root", "home", "var/lib", "run"))
        for folder in ("bin", "real", "system", "nothing", "clock", *disks):
            (scratch / folder).mkdir(parents=True)
        (scratch / "boot.sh").write_text(boot_text)
        self.install_tools()
        self.write_clock("uptime", f"{UPTIME}.00 0.00")
        self.give_to_nobody()

    def install_tools(self) -> None:
        """Link the programs of its image, and those that contained_instance.sh itself needs."""
        folder = self.scratch / "bin"
        for name in (*TOOLS, *self.image.clients):
            self.link(folder / name, "busybox" if self.image.is_busybox and name in TOOLS - NO_APPLET else name)
        self.link(folder / "sh", self.image.shell)
        self.link(self.scratch / "real" / "date", "busybox" if self.image.is_busybox else "date")
        for name in ("env", "sleep", "mount", "setpriv"):
            self.link(self.scratch / "real" / name, name)
        for name in ("sleep", "date"):
            (folder / name).unlink(missing_ok=True)
            shutil.copy(HERE / f"{name}.sh", folder / name)
            (folder / name).chmod(0o755)

    def link(self, path: Path, program: str) -> None:
        """Link a program of the system, not a developer's own, which may lie where the instance cannot read."""
        found = shutil.which(program, path=SYSTEM_PATH)
        if found:
            path.symlink_to(f"/mnt/system{os.path.realpath(found)}")

    def give_to_nobody(self) -> None:
        for path in (self.scratch, *self.scratch.rglob("*")):
            if os.getuid() == 0 and not path.is_symlink():
                os.chown(path, NOBODY, NOBODY)

    def write_clock(self, name: str, text: str) -> None:
        path = self.scratch / "clock" / name
        # In place: it may be mounted over a file of /proc.
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.write(fd, f"{text}\n".encode())
        os.close(fd)

    def start(self) -> None:
        """Start the container: the provider runs the boot script at every start."""
        self.boots += 1
        up = self.uptime()
        self.write_clock("boot_id", f"boot-{self.boots:04d}")
        self.write_clock("first", f"1 (sh) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {up * 100} 0")
        self.write_clock("wall", str(self.true_base + self.skew).rjust(12))
        given = [shlex.quote(f"{name}={text}") for name, text in self.users.items()]
        (self.scratch / "start").write_text(f"exec /mnt/real/env {' '.join(given)} /mnt/bin/sh /mnt/boot.sh\n")
        self.give_to_nobody()
        drop = ["setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--bounding-set=-all"] if self.uid else []
        canary = HERE / ".must-not-be-written"
        command = [*namespace_command(self.uid), "sh", HERE / "contained_instance.sh", self.scratch]
        less = " ".join("/mnt/real/setpriv" if word == "setpriv" else word for word in drop)
        command += [os.readlink("/proc/self/ns/pid"), self.disk, canary, less]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **self.environment}
        self.process = subprocess.Popen(
            command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n", f"no containment: exit {self.process.wait()}"
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.first = int(children[0])

    def stop(self) -> None:
        """Kill the first process of the namespace, and with it all others."""
        if self.process and self.process.poll() is None:
            os.kill(self.first, signal.SIGKILL)
        if self.process:
            # Of a first process that was killed, unshare says "sigprocmask unblock failed" up to version 2.39.
            self.process.wait()
            assert self.process.stdout
            self.process.stdout.close()
        self.process = None
        self.sleepers = Sleepers()

    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def restart(self, down_s: int = 0, new_host_boot: bool = True) -> None:
        """Stop, be down, start again: a host's reboot begins its uptime and boot id anew, a container's does not."""
        self.stop()
        now = self.true_now() + down_s
        boots, up = self.boots, UPTIME if new_host_boot else self.uptime() + down_s
        self.write_clock("uptime", f"{up}.00 0.00")
        self.true_base = now - up
        if not new_host_boot:
            self.boots = boots - 1
        self.start()

    def uptime(self) -> int:
        return int((self.scratch / "clock" / "uptime").read_text().split(".")[0])

    def true_now(self) -> int:
        return self.true_base + self.uptime()

    def set_skew(self, seconds: int) -> None:
        self.skew = seconds
        self.write_clock("wall", str(self.true_base + seconds).rjust(12))

    def run_for(self, seconds: int, timeout_s: float = 120) -> None:
        """Move the instance's clock on by so much, or until it has ended; afterwards all are asleep again.

        `timeout_s`: real time for which something may be at work between two steps; only a hanging test needs it.
        """
        stop, pause = self.uptime() + seconds, threading.Event()
        end = time.monotonic() + timeout_s * patience()
        while self.is_up():
            if not self.sleepers.all_asleep(self.first, self.uptime()):
                assert time.monotonic() < end, f"at work for {timeout_s} s at {self.uptime()}: {self.processes()}"
                pause.wait(0.002)
                continue
            if not self.sleepers.wake(self.uptime()):
                if self.uptime() == stop:
                    return
                self.write_clock("uptime", f"{self.sleepers.next_due(stop)}.00 0.00")
            end = time.monotonic() + timeout_s * patience()

    def sh(self, command: str, timeout_s: float = 60) -> str:
        """Run a command inside, as a login would: without the container's variables."""
        user = ["-S", str(self.uid), "-G", str(self.uid)]
        enter = [shutil.which("nsenter") or "nsenter", "-t", str(self.first), "-U", "-m", "-p", "-i", "-u", *user]
        done = subprocess.run(
            [*enter, "/mnt/bin/sh", "-c", command],
            env={"PATH": "/mnt/bin", "HOME": "/root"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s * patience(),
            check=False,
        )
        return done.stdout

    def status(self) -> GuardStatus | None:
        return guard_protocol.read_report(self.sh(over_ssh(guard_protocol.status_command())))

    def wait_until_armed(self, timeout_s: float = 60) -> None:
        """Wait until both holders run and may destroy the instance.

        The guard is first asked when the second holder runs, which the first starts once it has noted itself: a status
        begins a guard that is not there yet, at the side of the boot script, and such two agree at their next tick
        only, which does not come while the clock stands still.
        """
        pause, end = threading.Event(), time.monotonic() + timeout_s * patience()
        while not (self._has_second_holder() and (found := self.status()) and found.armed and found.holders == 2):
            assert time.monotonic() < end, f"not armed in {timeout_s} s: {self.status()}, {self.processes()}"
            pause.wait(0.02)

    def _has_second_holder(self) -> bool:
        return any("guard.sh hold 2" in line for line in self.processes())

    def renew(self, seq: int, left_s: int) -> GuardStatus | None:
        return guard_protocol.read_report(self.sh(over_ssh(guard_protocol.renew_command(GuardRenewal(seq, left_s)))))

    def processes(self) -> list[str]:
        """List the command lines inside."""
        space = os.readlink(f"/proc/{self.first}/ns/pid") if self.is_up() else ""
        lines = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/pid") == space:
                    lines.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
            except OSError:
                continue
        return lines

    def holder_pid(self, number: int) -> str:
        return self.sh(f"cat $HOME/.gs-guard/holder{number}").split()[0]
