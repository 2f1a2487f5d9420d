"""The supervisor of one live instance: starts its container, serves its ssh, plays its host, ends with the market."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.instance.disk import prepare_disk
from gpushopper.sandbox.live.instance.exec_in_container import Door
from gpushopper.sandbox.live.instance.host_files import TOOLS, HostSide
from gpushopper.sandbox.live.ssh.server import Doorway
from gpushopper.sandbox.live.supervisor_messages import Standing, Task

TICK_S = 0.25
END_LIMIT_S = 5


class Supervisor:
    """Runs from the first line on stdin to its end; prints `{"pid"}`, `{"ready"}`, `{"failed"}` and `{"exited"}`."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._task = task
        self._side = HostSide(folder)
        self._doorway = Doorway(task.port)
        self._standing: Standing | None = None

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Hold the container until it ends or the market's pipe does."""
        self._started_at = asyncio.get_running_loop().time()
        self._side.prepare(self._task.onstart, self._task.boot_id)
        prepare_disk(self._side.disk, TOOLS, self._task.extra)
        self._show_uptime()
        await self._stand(Standing(**json.loads(await lines.readline())))
        container = await self._start()
        jobs = [asyncio.create_task(job) for job in (self._obey(lines), self._watch(container), self._tick())]
        assert container.stderr is not None
        log = asyncio.create_task(self._keep_log(container.stderr))
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            job.cancel()
        await self._doorway.answer(None)
        self._doorway.cut_off()
        await self._end(container)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(log, 1)

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        container = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gpushopper.sandbox.live.instance.container",
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd="/",
        )
        assert container.stdin is not None
        task = self._task
        plan = {
            "disk": str(self._side.disk),
            "host": str(self._side.shown),
            "command": ["/bin/sh", "/.instance/init", *task.command],
            "env": task.env,
            "name": f"c{task.id}",
            "missing": task.missing,
            "extra": task.extra,
        }
        container.stdin.write(json.dumps(plan).encode() + b"\n")
        return container

    async def _watch(self, container: asyncio.subprocess.Process) -> None:
        """Follow what the container says: that PID 1 runs, that it has ended."""
        assert container.stdout is not None
        while line := await container.stdout.readline():
            facts = json.loads(line)
            say(**facts)
            if "pid" in facts:
                self._doorway.door = Door(facts["pid"])
                await self._open()
                say(ready=self._task.port)

    async def _obey(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            await self._stand(Standing(**json.loads(line)))
            await self._open()

    async def _stand(self, new: Standing) -> None:
        """Make the host as the market says it is."""
        old, self._standing = self._standing, new
        self._doorway.keys, self._doorway.locked = new.keys, new.locked
        self._side.write("skew", f"{new.skew_s}\n")
        self._side.write_gpu(new.gpu)
        self._side.write_machine(new.machine, is_full=new.disk_full)
        if not new.online:
            self._doorway.cut_off()
        if old is not None and new.sweeps > old.sweeps:
            self._kill(new.swept)
        if new.disk_full != (old.disk_full if old else False):
            await self._run_as_host("disk-full", "on" if new.disk_full else "off")

    async def _open(self) -> None:
        """Answer, or not, with the host key of the day."""
        now = self._standing
        if self._doorway.door is not None and now is not None:
            here = now.answers and now.online
            await self._doorway.answer(self._side.key_file(now.host_key) if here else None)

    async def _run_as_host(self, *words: str) -> None:
        if self._doorway.door is None:
            return
        line = self._doorway.door.host_command("/bin/sh", f"/.instance/{words[0]}", *words[1:])
        program = await asyncio.create_subprocess_exec(
            *line, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={"PATH": os.defpath}, cwd="/"
        )
        _, complaint = await program.communicate()
        self._side.keep(complaint)

    async def _tick(self) -> None:
        while True:
            self._show_uptime()
            if self._standing is not None:
                self._kill(self._standing.hunted)
            await asyncio.sleep(TICK_S)

    def _show_uptime(self) -> None:
        up = self._task.uptime_s + asyncio.get_running_loop().time() - self._started_at
        self._side.write("uptime", f"{up:.2f} {up:.2f}\n")

    def _kill(self, words: list[str]) -> None:
        """Kill the instance's processes whose command line has one of the words (`agent_kill`, F91)."""
        door = self._doorway.door
        if not words or door is None:
            return
        ours = os.readlink(f"/proc/{door.pid}/ns/pid")
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == ours and int(entry.name) != door.pid:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if any(word in line for word in words):
                        os.kill(int(entry.name), signal.SIGKILL)

    async def _keep_log(self, output: asyncio.StreamReader) -> None:
        while piece := await output.read(65_536):
            self._side.keep(piece)

    async def _end(self, container: asyncio.subprocess.Process) -> None:
        """Let go of the container's pipe, which ends PID 1 and with it everything inside."""
        assert container.stdin is not None
        container.stdin.close()
        try:
            await asyncio.wait_for(container.wait(), END_LIMIT_S)
        except TimeoutError:
            container.kill()
            await container.wait()


def say(**facts: Any) -> None:
    """Tell the market something, as one line of JSON."""
    with contextlib.suppress(OSError):  # the market has gone; so do we
        os.write(1, json.dumps(facts).encode() + b"\n")


async def supervise(folder: Path) -> None:
    """Read the task of the instance in a folder and carry it out."""
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lines.feed_eof)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if first:
        await Supervisor(folder, Task(**json.loads(first))).run(lines)
