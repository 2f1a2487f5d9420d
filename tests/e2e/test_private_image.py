"""A private image: refused without a login, rented with it, and the login is stored nowhere."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.e2e.test_no_secret_on_instances import orders, scan
from tests.sandbox_home import SandboxHome, processes_under, sandbox_home

pytestmark = pytest.mark.proofs

RENT = ("provision", "--gpu", "RTX 4090", "--for", "10m", "--yes")


@pytest.fixture(params=[pytest.param("--paper", marks=pytest.mark.sweep), "--live"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top) if request.param == "--live" else None
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 12, request.param) as made:
        yield made


def set_login(sandbox: SandboxHome, host: str, user: str, token: str) -> str:
    done = subprocess.run(
        sandbox.command("keys", "set", host, "--user", user), env=sandbox.variables, input=token, capture_output=True,
        text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


def files_with(sandbox: SandboxHome, text: str) -> list[str]:
    found = (path for path in sandbox.top.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path.name for path in found if text.encode() in path.read_bytes())


def refusal(sandbox: SandboxHome, *words: str) -> tuple[int, str, str]:
    """Exit status, the error and its hint."""
    done = sandbox.run(*RENT, *words)
    lines = done.stderr.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    return done.returncode, lines[place], lines[place + 1].strip()


def logins_read(sandbox: SandboxHome) -> int:
    return (sandbox.home / "daemon.log").read_text().count('"login read"')


def test_a_private_image_needs_its_login_and_the_login_stays_here(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    registry = json.loads(sandbox.must("sandbox", "status", "--json"))["registry"]
    host, user, token, image = (registry[name] for name in ("host", "user", "token", "image"))
    private = ("--image", image)

    code, error, hint = refusal(sandbox, *private, "--name", "bare")
    assert code == 7 and "bare did not become ready: image refused (2 tried)" in error
    setting = f"gpu-shopper --sandbox keys set {host} --user NAME"
    assert hint == f"check the name {image}; a private image: {setting}, then provision --image-login"
    code, error, hint = refusal(sandbox, *private, "--image-login", "--name", "unstored")
    assert code == 4 and f"no login at {host} is stored" in error
    assert hint == f"run: {setting}"
    for words in (("--dry-run",), ()):
        planned = sandbox.run(*RENT, *private, "--image-login", *words)
        assert planned.returncode == 4 and "Cost: " not in planned.stderr, "before anybody agrees to a price"
    code, error, hint = refusal(sandbox, "--image", "Team/x")
    assert code == 2 and "no capital letters in the name of an image: Team/x" in error

    set_login(sandbox, host, user, "wr0ng-password")
    code, error, hint = refusal(sandbox, *private, "--image-login", "--name", "wrong")
    assert code == 7 and "wrong did not become ready: image refused (2 tried)" in error
    assert f"that the login may read it: {setting}" in hint

    said = [set_login(sandbox, host, user, token)]
    rented = sandbox.run(*RENT, *private, "--image-login", "--name", "right")
    assert rented.returncode == 0, rented
    assert f"vast and the host will see your login at {host}: use a read-only token." in rented.stderr
    said += [rented.stdout, rented.stderr, sandbox.must("get", "right", "--json"), sandbox.must("events", "--json")]
    assert json.loads(said[3])["session"]["image_login"] == host

    sandbox.must("daemon", "stop")
    before = logins_read(sandbox)
    sandbox.must("daemon", "start")
    wait_until(lambda: logins_read(sandbox) == before + 1)  # what the host may show of it is known again
    sandbox.must("daemon", "stop")  # its log is complete
    assert files_with(sandbox, token) == ["keys.toml"]
    assert files_with(sandbox, "wr0ng-password") == []
    assert not any(token in text or "wr0ng-password" in text for text in said)
    for pid in processes_under(sandbox.top):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert token.encode() not in shown
    assert b"GS_LABEL" in orders(sandbox)[-1] and image.encode() in orders(sandbox)[-1], "the orders were not read"
    if json.loads(sandbox.must("sandbox", "status", "--json"))["instances_are"] == "live":
        assert scan(sandbox, token.encode()) == set()
