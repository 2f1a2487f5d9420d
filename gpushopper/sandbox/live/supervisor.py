"""The supervisor of one live instance: starts its container and ssh server, and applies host faults to them.

It runs in a process of its own (`python -m gpushopper.sandbox.live`), serves ssh on loopback, and starts a container
process (`... .live.instance.container`), which builds namespaces and PID 1. Each watches the pipe to the one above:
when one ends, also by `kill -9`, everything below it ends too.
"""

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
from gpushopper.sandbox.live.instance.exec_in_container import ContainerExec
from gpushopper.sandbox.live.instance.host_files import TOOLS, VM_TOOLS, HostFiles
from gpushopper.sandbox.live.ssh.server import SshServer
from gpushopper.sandbox.live.supervisor_messages import ContainerSpec, HostState

TICK_S = 0.25
END_LIMIT_S = 5


class Supervisor:
    """Runs from the first line on stdin to its end; prints `{"pid"}`, `{"ready"}`, `{"failed"}` and `{"exited"}`."""

    def __init__(self, folder: Path, spec: ContainerSpec) -> None:
        self._spec = spec
        self._files = HostFiles(folder)
        self._ssh = SshServer(spec.port, spec.user)
        self._host_state: HostState | None = None

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Start the container and serve it until it exits or stdin is closed."""
        self._started_at = asyncio.get_running_loop().time()
        spec = self._spec
        self._files.prepare(spec.onstart, spec.boot_id, spec.first_boot)
        tools = TOOLS if spec.user is None else (*TOOLS, *VM_TOOLS)
        prepare_disk(self._files.disk, tools, spec.extra, spec.user)
        self._write_uptime()
        await self._apply_host_state(HostState(**json.loads(await lines.readline())))
        container = await self._start()
        coroutines = (self._follow_host_state(lines), self._watch(container), self._tick())
        jobs = [asyncio.create_task(coroutine) for coroutine in coroutines]
        assert container.stderr is not None
        log = asyncio.create_task(self._keep_log(container.stderr))
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            job.cancel()
        await self._ssh.listen(None)
        self._ssh.drop_connections()
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
        spec = self._spec
        plan = {
            "disk": str(self._files.disk),
            "host": str(self._files.mounted),
            "command": ["/bin/sh", "/.instance/init", *spec.command],
            "env": spec.env,
            "name": f"c{spec.id}",
            "missing": spec.missing,
            "extra": spec.extra,
        }
        container.stdin.write(json.dumps(plan).encode() + b"\n")
        return container

    async def _watch(self, container: asyncio.subprocess.Process) -> None:
        """Pass on the container's messages (PID 1 runs, it has exited) and open ssh when PID 1 runs."""
        assert container.stdout is not None
        while line := await container.stdout.readline():
            facts = json.loads(line)
            send_message(**facts)
            if "pid" in facts:
                self._ssh.container_exec = ContainerExec(facts["pid"])
                await self._update_ssh()
                send_message(ready=self._spec.port)

    async def _follow_host_state(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            await self._apply_host_state(HostState(**json.loads(line)))
            await self._update_ssh()

    async def _apply_host_state(self, new: HostState) -> None:
        """Make ssh, files and processes match the state that the sandbox has sent."""
        old, self._host_state = self._host_state, new
        self._ssh.keys, self._ssh.refuse_logins = new.keys, new.refuse_logins
        self._files.write("skew", f"{new.skew_s}\n")
        self._files.write_gpu(new.gpu)
        self._files.write_hardware(new.hardware, is_full=new.disk_full)
        if not new.online:
            self._ssh.drop_connections()
        if old is not None and new.kill_count > old.kill_count:
            self._kill(new.kill_patterns)
        if new.disk_full != (old.disk_full if old else False):
            await self._run_as_host("disk-full", "on" if new.disk_full else "off")

    async def _update_ssh(self) -> None:
        """Listen with the present host key, or close the port."""
        now = self._host_state
        if self._ssh.container_exec is not None and now is not None:
            is_open = now.ssh_open and now.online
            await self._ssh.listen(self._files.key_file(now.host_key) if is_open else None)

    async def _run_as_host(self, *words: str) -> None:
        if self._ssh.container_exec is None:
            return
        line = self._ssh.container_exec.host_command("/bin/sh", f"/.instance/{words[0]}", *words[1:])
        program = await asyncio.create_subprocess_exec(
            *line, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={"PATH": os.defpath}, cwd="/"
        )
        _, stderr = await program.communicate()
        self._files.append_log(stderr)

    async def _tick(self) -> None:
        while True:
            self._write_uptime()
            if self._host_state is not None:
                self._kill(self._host_state.kill_always)
            await asyncio.sleep(TICK_S)

    def _write_uptime(self) -> None:
        up = self._spec.uptime_s + asyncio.get_running_loop().time() - self._started_at
        self._files.write("uptime", f"{up:.2f} {up:.2f}\n")

    def _kill(self, words: list[str]) -> None:
        """Kill the instance's processes whose command line contains one of the words (`agent_kill`, F91)."""
        if not words or self._ssh.container_exec is None:
            return
        pid_1 = self._ssh.container_exec.pid
        namespace = os.readlink(f"/proc/{pid_1}/ns/pid")
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace and int(entry.name) != pid_1:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if any(word in line for word in words):
                        os.kill(int(entry.name), signal.SIGKILL)

    async def _keep_log(self, output: asyncio.StreamReader) -> None:
        while piece := await output.read(65_536):
            self._files.append_log(piece)

    async def _end(self, container: asyncio.subprocess.Process) -> None:
        """Close the container's stdin, which ends PID 1 and with it every process inside."""
        assert container.stdin is not None
        container.stdin.close()
        try:
            await asyncio.wait_for(container.wait(), END_LIMIT_S)
        except TimeoutError:
            container.kill()
            await container.wait()


def send_message(**facts: Any) -> None:
    """Send the sandbox one message, as a line of JSON on stdout."""
    with contextlib.suppress(OSError):  # the sandbox has exited; so does this process, on the end of its stdin
        os.write(1, json.dumps(facts).encode() + b"\n")


async def supervise(folder: Path) -> None:
    """Read the container spec from stdin and run the instance whose files are in `folder`."""
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lines.feed_eof)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if first:
        await Supervisor(folder, ContainerSpec(**json.loads(first))).run(lines)
