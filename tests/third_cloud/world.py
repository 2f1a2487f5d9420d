"""A simulated world with an account at Nimbus, whose package is installed into a folder as an installer lays it out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gpushopper import clouds
from gpushopper.core.cloud import Traits
from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.heartbeat import GuardRenewal, Hardware, Heartbeat, ProbeFailure, SshTarget
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.core.policy import REAL, Policy
from gpushopper.core.secret import Credential
from gpushopper.engine.context import AccountSetup
from gpushopper.providers import adapter
from gpushopper.remote.ssh_command import Connection
from tests.sim.world import World
from tests.third_cloud.market import CREDENTIAL, Nimbus

PACKAGE = Path(__file__).parent / "package" / "nimbus"


def install(folder: Path) -> Path:
    """Install the package into a folder."""
    info = folder / "nimbus-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nimbus\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gpushopper.clouds]\nnimbus = nimbus:CLOUD\n")
    shutil.copytree(PACKAGE, folder / "nimbus", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@contextmanager
def installed(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """This process sees the packages of the folder, and forgets them afterwards."""
    patch.syspath_prepend(str(folder))
    clouds._table.cache_clear()
    yield
    patch.undo()
    clouds._table.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "nimbus"]:
        del sys.modules[name]


class Access:
    """Logins to Nimbus's machines: each that is up answers, and has no guard of ours."""

    def public_key(self, session_id: str) -> str:
        return f"ssh-ed25519 AAAA{session_id}"

    def boot_script(
        self, recipe: GuardRecipe | None, traits: Traits, session_id: str, life_s: int, deadline_s: int, max_s: int,
        tick_s: int, backoff_s: int,
    ) -> str:  # fmt: skip
        raise AssertionError("a cloud that ends its machines itself needs no guard of ours")

    def probe(
        self, login: SshTarget, renewal: GuardRenewal | None, limit_s: float, plant: str = "", limits: str = "",
        hook: str = "",
    ) -> Heartbeat | ProbeFailure:  # fmt: skip
        assert login.user == "nimbus" and not plant
        return Heartbeat(None, Hardware())

    def parts_digest(self) -> str:
        return "digest"

    def keep_outputs(self, login: SshTarget, now: int, limit_s: float) -> KeptNow:
        return KeptNow()

    def forget_attempt(self, attempt_id: str) -> None:
        pass

    def pinned_attempts(self) -> set[str]:
        return set()

    def connection(self, login: SshTarget) -> Connection:
        raise AssertionError("no person logs in to a simulation")

    def write_ssh_config(self, logins: Sequence[tuple[str, SshTarget]]) -> bool:
        return False

    def prune_keys(self, kept: Collection[str], before_s: float) -> list[str]:
        return []

    # ---- as the world's simulation of instances

    def step(self) -> None:
        pass

    def next_due(self) -> int | None:
        return None


class NimbusWorld(World):
    """One user, one home, one account at Nimbus, real numbers of the policy."""

    def __init__(self, folder: Path, policy: Policy = REAL) -> None:
        super().__init__(folder, clouds=(), policy=policy)
        self.clouds = ("nimbus",)
        self.nimbus = Nimbus(self.clock.market)
        self.apps: dict[str, Any] = {"nimbus": self.nimbus}
        self.remote: Any = Access()

    def setup(self, name: str) -> AccountSetup:
        """The daemon's account there, with its credential of two parts."""
        identity, secret = CREDENTIAL
        credential = Credential.of([("client_secret", secret)], [("client_id", identity)])
        endpoint, transport = "http://127.0.0.1:9", self.executor.transport
        connect = adapter(name)
        client = connect(endpoint, credential, self.clock.monotonic, transport=transport, wait=transport.wait)
        return AccountSetup(name, client, "", "test", endpoint, credential=credential)
