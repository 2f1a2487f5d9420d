"""What ends an unused instance, and what keeps one: a GPU at work, the processor, somebody who types, a transfer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.ends.rented import BUSY, IDLE, IDLE_S, STALLED, WARNED_S, assert_ended_idle, rent, typing
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


def test_an_unused_instance_ends_itself_and_each_kind_of_use_keeps_it(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    stalled, gpu, cpu, typed = rent(sandbox, wait_until, "stalled", "gpu", "cpu", "typed")
    numbers = {one.name: one.number for one in (stalled, gpu, cpu, typed)}
    sandbox.must("sandbox", "revise", numbers["gpu"], "gpu_load", "40")
    sandbox.must("run", "cpu", "--detach", "--", "sh", "-c", BUSY)
    sandbox.must("run", "stalled", "--detach", "--", "sh", "-c", STALLED)
    with typing(sandbox, "typed"):
        # All are in use or stalled before the limit begins to hold, however slow this computer is.
        for one in (gpu, cpu, typed, stalled):
            one.until_watched()
            sandbox.must("set", one.name, *IDLE.split())
        begun = time.monotonic()
        assert_ended_idle(stalled, numbers["stalled"])
        wait_until(lambda: time.monotonic() - begun > 2 * (IDLE_S + WARNED_S), timeout_s=120)
        for one, signal in ((gpu, "gpu"), (cpu, "cpu"), (typed, "terminal")):
            assert one.session["status"] == "running" and one.row(numbers[one.name])["state"] == "running"
            used = one.report()["in_use"]
            assert used[signal] is not None and used[signal] < IDLE_S, used
            assert [name for name in ("gpu", "cpu", "terminal") if used[name] is not None] == [signal]
    # What kept them was their use: without it each ends.
    sandbox.must("sandbox", "revise", numbers["gpu"], "gpu_load", "0")
    cpu.says("kill -9 -- -$(cat ~/.gpu-shopper/runs/*/pid)")
    for one in (gpu, cpu, typed):
        assert_ended_idle(one, numbers[one.name])


SEND = """import socket, threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
while True:
    s.sendto(bytes(1000), ("192.0.2.1", 9))  # reserved for documentation; no router passes it on
    threading.Event().wait(0.004)
"""


@pytest.mark.sweep
@pytest.mark.skipif(
    "00000000" not in [line.split()[1] for line in Path("/proc/net/route").read_text().splitlines()[1:]],
    reason="needs a network: instances share this computer's",
)
def test_a_transfer_keeps_it(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    (moving,) = rent(sandbox, wait_until, "moving", options=IDLE)
    number = moving.number
    sandbox.must("cp", str(sandbox.write("send.py", SEND)), "moving:send.py")
    sandbox.must("run", "moving", "--detach", "--", "python3", "send.py")
    moving.until_watched()
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 2 * (IDLE_S + WARNED_S), timeout_s=120)
    assert moving.session["status"] == "running" and moving.row(number)["state"] == "running"
    assert moving.report()["in_use"]["network"] < IDLE_S
    moving.says("kill -9 -- -$(cat ~/.gpu-shopper/runs/*/pid)")
    assert_ended_idle(moving, number)
