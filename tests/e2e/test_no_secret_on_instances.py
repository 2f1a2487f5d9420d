"""No account key and no private ssh key ever reaches an instance, or the cloud that holds it (I21, F93, F103)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

PRIVATE = ("root", "etc", "var", "run", "home", "tmp", "workspace", "dev/shm")
"""What an instance can write to: all else is this computer's, shown read-only."""
LARGEST_FILE = 1 << 22


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 11, "--live") as made:
        yield made


def inside(sandbox: SandboxHome) -> list[int]:
    """The processes of the sandbox's instances, seen from outside."""
    own, found = os.readlink("/proc/self/ns/pid"), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") != own and _is_of(sandbox, entry):
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


def _is_of(sandbox: SandboxHome, process: Path) -> bool:
    """Whether the process sees the disk of one of this sandbox's instances."""
    return str(sandbox.home).encode() in (process / "mountinfo").read_bytes()


def scan(sandbox: SandboxHome, *secrets: bytes) -> set[str]:
    """Where a secret stands: kinds of places, over all instances and all that the cloud was told."""
    found: set[str] = set()
    processes = inside(sandbox)
    assert processes, "nothing runs there: nothing could be found"
    for pid in processes:
        process = Path(f"/proc/{pid}")
        for kind in ("cmdline", "environ"):
            if any(canary in (process / kind).read_bytes() for canary in secrets):
                found.add(kind)
    for name in PRIVATE:
        for path in (Path(f"/proc/{processes[0]}/root") / name).rglob("*"):
            is_plain = path.is_file() and not path.is_symlink() and path.stat().st_size < LARGEST_FILE
            if is_plain and any(canary in path.read_bytes() for canary in secrets):
                found.add("file")
    for order in orders(sandbox):
        if any(canary in order for canary in secrets):
            found.add("order")
    return found


def orders(sandbox: SandboxHome) -> list[bytes]:
    """Everything the cloud was told about each instance, its start-up text included."""
    saved = json.loads((sandbox.home / "market" / "market.json").read_text())
    return [json.dumps(row["order"]).encode() for row in rows(saved)]


def rows(saved: object) -> list[dict[str, object]]:
    """The instances in the sandbox's file, wherever it keeps them."""
    if isinstance(saved, dict):
        here = [saved] if "order" in saved else []
        return here + [row for value in saved.values() for row in rows(value)]
    return [row for value in saved for row in rows(value)] if isinstance(saved, list) else []


def account_key(sandbox: SandboxHome) -> bytes:
    status = json.loads(sandbox.must("sandbox", "status", "--json"))
    return status["dialects"]["vast"]["keys"]["api_key"].encode()


def private_keys(sandbox: SandboxHome) -> list[bytes]:
    """The middle line of each private key: no other file has it."""
    return [path.read_bytes().splitlines()[3] for path in (sandbox.home / "ssh").glob("*.key")]


def test_no_secret_is_there_and_a_planted_one_is_found(sandbox: SandboxHome) -> None:
    sandbox.must("provision", "--gpu", "RTX 4090", "--for", "10m", "--name", "clean", "--yes")
    secrets = [account_key(sandbox), *private_keys(sandbox)]
    assert len(secrets) == 2
    assert scan(sandbox, *secrets) == set()
    (started,) = orders(sandbox)
    assert b"GS_LABEL" in started and b"ssh-ed25519" in started, "the order was not read"
    (key,) = (sandbox.home / "ssh").glob("*.key")
    # Never resolved: outside of the kernel's own reading, that path would lead to this computer's files.
    Path(f"/proc/{inside(sandbox)[0]}/root/root/planted").write_bytes(b"x" + secrets[1])
    assert scan(sandbox, *secrets) == {"file"}
    assert key.stat().st_mode & 0o077 == 0
