"""The table of clouds: built in, added by packages, and what becomes of a package that is broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gpushopper import clouds
from gpushopper.errors import Misconfigured, NotFound
from tests import toy_cloud

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    with ExitStack() as stack:

        def run(*entries: str, **modules: str) -> None:
            toy_cloud.install(tmp_path / "site", *entries, **modules)
            stack.enter_context(toy_cloud.installed(monkeypatch, tmp_path / "site"))

        yield run


def test_vast_is_built_in_with_one_secret_part():
    vast = clouds.get("vast")
    assert (vast.title, vast.credential_title) == ("Vast.ai", "Vast.ai API key")
    assert [(part.name, part.is_secret, part.is_needed) for part in vast.credential] == [("api_key", True, True)]
    assert vast.variables == ("VAST_API_KEY", "VASTAI_API_KEY")
    assert clouds.console_of("vast") == "https://cloud.vast.ai/instances/"
    assert clouds.console_of("gone") == "the provider's console"


def test_tensordock_is_built_in_with_a_pair_of_which_only_the_token_is_secret_and_needed():
    tensordock = clouds.get("tensordock")
    assert tensordock.credential_title == "TensorDock credentials"
    assert [(part.name, part.is_secret, part.is_needed) for part in tensordock.credential] == [
        ("authorization_id", False, False), ("api_token", True, True),
    ]  # fmt: skip
    assert clouds.console_of("tensordock") == "https://dashboard.tensordock.com/"
    assert tensordock.key_page == "dashboard.tensordock.com (API)"


def test_a_package_adds_a_cloud(install: Install):
    install()
    assert list(clouds.known()) == [*clouds.BUILT_IN, "toy"]
    assert clouds.get("toy").credential_title == "Toy Cloud credentials"
    assert clouds.skipped() == {}
    with pytest.raises(NotFound, match="no cloud or account is called 'tiy'") as caught:
        clouds.get("tiy")
    assert caught.value.hint == "did you mean toy?"


def changed(old: str, new: str) -> dict[str, str]:
    assert old in toy_cloud.FACTS
    return {"toycloud": toy_cloud.FACTS.replace(old, new)}


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ({"toycloud": "import no_such_module_anywhere"}, "ModuleNotFoundError"),
        ({"toycloud": "raise SystemExit(3)"}, "SystemExit"),
        ({"toycloud": "CLOUD = 5"}, "no gpushopper.clouds.Cloud"),
        ({"toycloud": "X = 5"}, "AttributeError"),
        (changed('name="toy"', 'name="vast"'), "another cloud is called vast"),
        (changed('name="toy"', 'name="registry"'), "'registry' cannot be the name"),
        (changed('name="toy"', 'name="To y"'), "'To y' cannot be the name"),
        (changed('"TOY_TOKEN"', '"VAST_API_KEY"'), "VAST_API_KEY belongs to another cloud"),
        (changed('"token", "API', '"id", "API'), "parts with names of their own"),
        (changed("https://api", "http://api"), "https://"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_and_left_out(install: Install, modules: dict[str, str], why: str):
    install(**modules)
    assert list(clouds.known()) == [*clouds.BUILT_IN]
    assert why in clouds.skipped()["toy"] and "toycloud:CLOUD" in clouds.skipped()["toy"]
    assert clouds.get("vast").title == "Vast.ai"
    with pytest.raises(Misconfigured, match="the cloud toy cannot be used"):
        clouds.get("toy")


@pytest.mark.parametrize("broken", [b"[console_scripts]\na line without its other half\n", b"[x]\ny = caf\xe9:z\n"])
def test_a_list_of_entry_points_that_cannot_be_read_hides_no_other_package(
    install: Install, tmp_path: Path, broken: bytes
):
    """Any installed package may have one, also one that has nothing to do with clouds."""
    info = tmp_path / "site" / "another-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (info / "entry_points.txt").write_bytes(broken)
    install()
    assert list(clouds.known()) == [*clouds.BUILT_IN, "toy"]
    assert list(clouds.skipped()) == ["of package another"]
    assert "cannot be read: " in clouds.skipped()["of package another"]


def test_the_built_in_clouds_are_left_where_no_package_can_be_listed(install: Install, monkeypatch: pytest.MonkeyPatch):
    install()

    class Finder:
        def find_distributions(self, _context: object) -> None:
            raise RuntimeError("no folder")

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert list(clouds.known()) == [*clouds.BUILT_IN]
    assert "RuntimeError" in clouds.skipped()["of any package"]


def test_of_two_packages_with_one_name_the_second_is_left_out(install: Install, tmp_path: Path):
    info = tmp_path / "site" / "zzz-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zzz\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gpushopper.clouds]\ntoy = toycloud:OTHER\n")
    install(toycloud=toy_cloud.FACTS + "\nOTHER = CLOUD\n")
    assert list(clouds.known()) == [*clouds.BUILT_IN, "toy"]
    assert "another cloud is called toy" in clouds.skipped()["toy"]


def test_an_entry_point_has_the_name_of_its_cloud(install: Install):
    """So that what the configuration names is found among what was left out, and the other way round."""
    install("a-toy = toycloud:CLOUD\ntoy = toycloud:CLOUD")
    assert list(clouds.known()) == [*clouds.BUILT_IN, "toy"]
    assert "its cloud is called toy" in clouds.skipped()["a-toy"]


def test_a_built_in_cloud_is_found_without_loading_packages():
    code = "import sys; from gpushopper import clouds; clouds.get('vast'); print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "False"


def test_a_name_that_no_account_has_is_answered_with_all_names():
    with pytest.raises(NotFound, match="no cloud or account is called 'qqqq'") as caught:
        clouds.of_account("qqqq", {"lab": "vast"})
    assert caught.value.hint == f"known: {', '.join(clouds.known())}, lab"
    with pytest.raises(NotFound) as caught:
        clouds.of_account("labb", {"lab": "vast"})
    assert caught.value.hint == "did you mean lab?"
