"""A second cloud for tests: a package that is installed into a folder, with an id and a secret token as credential."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpushopper import clouds

ID, TOKEN = "toy-id-0123", "t0k3n-s3cret-0123456789"
CONSOLE = "https://toy.example/machines"

FACTS = f"""
from gpushopper.clouds import Cloud, CredentialPart
CLOUD = Cloud(
    name="toy", title="Toy Cloud", console="{CONSOLE}", key_menu="Developers", endpoint="https://api.toy.example",
    adapter="toycloud_adapter:connect", traits="toycloud_adapter:TRAITS",
    credential=(
        CredentialPart("id", "authorization id", ("TOY_ID",), is_secret=False),
        CredentialPart("token", "API token", ("TOY_TOKEN",)),
        CredentialPart("team", "team", ("TOY_TEAM",), is_secret=False, is_needed=False),
    ),
)
"""
ADAPTER = """
from gpushopper.core.cloud import Carrier, Catalogue, Ending, EndingKind, Naming, Planting, PlantingMethod, Traits
from gpushopper.providers.base import Account, ErrorKind, InstanceList, OfferList, ReadFailed

TRAITS = Traits(
    name="toy",
    naming=Naming((Carrier.NAME,)),
    planting=Planting(PlantingMethod.OVER_SSH),
    ending=Ending(EndingKind.NONE),
    catalogue=Catalogue("ubuntu"),
)


def connect(endpoint, credential, monotonic, transport=None, wait=None):
    return Toy(endpoint, credential)


class Toy:
    traits = TRAITS
    guard_recipe = None
    unknown_fields = {}

    def __init__(self, endpoint, credential):
        self._credential = credential

    def fetch_account(self, limit_s):
        if self._credential.reveal("token") != "TOKEN":
            return ReadFailed(ErrorKind.AUTH, "wrong token")
        return Account(f"of {self._credential.reveal('id')}", 5_000_000, None)

    def fetch_instances(self, limit_s):
        return InstanceList((), True, None)

    def list_limit_s(self, limit_s):
        return limit_s

    def search(self, search, limit_s):
        return OfferList((), True, None)

    def gpu_names(self, limit_s):
        return ()

    def available_at(self, endpoint):
        return 0.0

    def add_redactions(self, texts):
        pass

    def close(self):
        pass
""".replace("TOKEN", TOKEN)


def install(folder: Path, entries: str = "toy = toycloud:CLOUD", **modules: str) -> Path:
    """Install the package into a folder, as an installer lays it out. `modules` replace its own."""
    info = folder / "toycloud-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toycloud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[gpushopper.clouds]\n{entries}\n")
    for name, text in {"toycloud": FACTS, "toycloud_adapter": ADAPTER, **modules}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@contextmanager
def installed(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """This process sees the packages of the folder, and forgets them afterwards."""
    import sys

    before = set(sys.modules)
    patch.syspath_prepend(str(folder))
    clouds._table.cache_clear()
    yield
    patch.undo()
    clouds._table.cache_clear()
    for name in {name for name in sys.modules if name.startswith("toycloud")} - before:
        del sys.modules[name]
