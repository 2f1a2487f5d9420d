"""Which accounts there are: enabled clouds, those of a sandbox alone, and those where something is still open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import clouds, config, log
from gpushopper.config import Config, PolicySettings, ProviderSettings, ProvisionDefaults
from gpushopper.core.model.label import make_label
from gpushopper.daemon.keys.account_connection import connect_accounts, unusable_accounts
from gpushopper.daemon.keys.account_setup import choose_policy, enabled_endpoints, key_environment
from gpushopper.daemon.keys.key_watcher import KeyWatcher
from gpushopper.errors import Refused
from gpushopper.paths import find_home
from gpushopper.secrets import EnvironmentSource
from gpushopper.secrets.keyring_entries import child_environment
from gpushopper.store.sessions import insert_attempt, load_attempts
from tests import toy_cloud
from tests.sim.world import SimClock, World
from tests.toy_cloud import ID, TOKEN

SANDBOX = Config(policy=PolicySettings("drill"), providers={"vast": ProviderSettings("http://127.0.0.1:9")})
BOTH = {"TOY_ID": ID, "TOY_TOKEN": TOKEN}


@pytest.fixture
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with toy_cloud.installed(monkeypatch, toy_cloud.install(tmp_path / "site")):
        yield


@pytest.mark.usefixtures("_toy")
def test_an_installed_cloud_is_enabled_at_its_own_address():
    found = enabled_endpoints(Config())
    built_in = {name: cloud.endpoint for name, cloud in clouds.BUILT_IN.items()}
    assert found == {**built_in, "toy": "https://api.toy.example"}
    off = Config(providers={"toy": ProviderSettings(enabled=False)})
    assert list(enabled_endpoints(off)) == [*clouds.BUILT_IN]


@pytest.mark.usefixtures("_toy")
def test_an_installed_cloud_does_not_get_into_a_sandbox():
    assert enabled_endpoints(SANDBOX) == {"vast": "http://127.0.0.1:9"}
    assert choose_policy(SANDBOX).name == "drill"
    named = replace(SANDBOX, providers={**SANDBOX.providers, "toy": ProviderSettings()})
    with pytest.raises(Refused, match="toy is at https"):
        choose_policy(named)
    with pytest.raises(Refused, match="vast is at https"):
        choose_policy(Config(policy=PolicySettings("drill")))
    off = replace(SANDBOX, providers={"vast": ProviderSettings(enabled=False)})
    assert enabled_endpoints(off) == {} and choose_policy(off).name == "drill"


def test_a_name_that_no_package_has_stops_nobody_and_is_an_error_to_whoever_checks():
    """Its package may have been uninstalled: the deadlines at the other clouds must still be kept."""
    settings = Config(providers={"toy": ProviderSettings()})
    assert list(enabled_endpoints(settings)) == [*clouds.BUILT_IN] and choose_policy(settings).name == "real"
    (wrong,) = clouds.unknown(settings.providers)
    assert (wrong.code, wrong.hint) == ("unknown_key", f"known: {', '.join(clouds.BUILT_IN)}")
    assert clouds.unknown(["vast"]) == []


def test_a_reload_goes_on_without_an_unknown_provider_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch):
    home.mkdir()
    settings = "[keys]\nkeyring = false\n"
    (home / "config.toml").write_text(settings)
    monkeypatch.setenv("VAST_API_KEY", "v" * 20)
    said: list[str] = []
    watcher = KeyWatcher(find_home(), SimClock(), log.Redactor(), said.append)
    watcher.start(config.load(find_home()))
    (home / "config.toml").write_text(settings + "[providers.toy]\nenabled = true\n")
    assert said == []
    watcher.reload()
    assert said == ["the configuration names an unknown provider toy"]


def test_a_broken_package_that_is_named_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = toy_cloud.install(tmp_path / "site", toycloud="1 / 0")
    with toy_cloud.installed(monkeypatch, site):
        assert list(enabled_endpoints(Config(providers={"toy": ProviderSettings()}))) == [*clouds.BUILT_IN]


@pytest.mark.usefixtures("_toy")
def test_both_parts_reach_the_adapter_and_the_log_knows_the_secret_one():
    redactor = log.Redactor()
    vast, *_, toy = connect_accounts(Config(), [EnvironmentSource(BOTH)], SimClock(), redactor)
    assert (vast.client, vast.key_state, vast.is_named) == (None, "missing", False)
    assert toy.client is not None and toy.client.fetch_account(1).account_id == f"of {ID}"
    assert TOKEN not in redactor.redact(f"the {TOKEN} of {ID}") and ID in redactor.redact(ID)
    assert TOKEN not in repr(toy)


@pytest.mark.parametrize(
    "settings",
    [Config(providers={"toy": ProviderSettings()}), Config(provision=ProvisionDefaults(provider="toy"))],
)
@pytest.mark.usefixtures("_toy")
def test_a_cloud_may_be_named_as_a_provider_or_as_the_default(settings: Config):
    setups = connect_accounts(settings, [EnvironmentSource({})], SimClock(), log.Redactor())
    assert [setup.provider for setup in setups if setup.is_named] == ["toy"]


@pytest.mark.parametrize(
    "adapter",
    [
        "1 / 0",
        "import os\nraise OSError(dict(os.environ))",
        "x = 5",
        "def connect(*args, **more):\n    raise OSError(args)",
    ],
)
def test_a_broken_adapter_is_no_accident_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: str):
    site = toy_cloud.install(tmp_path / "site", toycloud_adapter=adapter)
    with toy_cloud.installed(monkeypatch, site):
        source = EnvironmentSource(BOTH | {"VAST_API_KEY": "v" * 20})
        vast, *_, toy = connect_accounts(Config(), [source], SimClock(), log.Redactor())
    assert vast.client is not None
    assert (toy.client, toy.key_state, toy.traits) == (None, "refused", None)
    assert "the adapter of Toy Cloud" in toy.key_problem and toy.key_problem.endswith("Error")


@pytest.mark.usefixtures("_toy")
def test_no_part_of_a_credential_reaches_the_keyrings_child_or_the_wire(monkeypatch: pytest.MonkeyPatch):
    assert child_environment({**BOTH, "PATH": "/bin"}).keys() & {"TOY_ID", "TOY_TOKEN", "PATH"} == {"PATH"}
    monkeypatch.setenv("TOY_TOKEN", TOKEN)
    assert key_environment()["TOY_TOKEN"] == "set" and key_environment()["TOY_ID"] == ""


def test_what_is_open_at_a_cloud_that_cannot_be_used_is_watched(tmp_path: Path):
    """Disabled, or of a package that is gone: it may still bill, so it is not left out in silence."""
    world = World(tmp_path).start().ready()
    assert world.running(world.provision())
    assert unusable_accounts(world.store, [world.engine.reconcilers["vast"].setup], Config()) == []
    off = Config(providers={"vast": ProviderSettings(enabled=False)})
    (found,) = unusable_accounts(world.store, [], off)
    assert (found.provider, found.key_state, found.client) == ("vast", "refused", None)
    assert "disabled" in found.key_problem and found.key_hint == "set providers.vast.enabled"
    (attempt,) = load_attempts(world.store)
    label = make_label("a" * 10, "b" * 16, attempt.hard_max_at)
    elsewhere = replace(attempt, id="b" * 16, ordinal=2, provider="toy", label=label, instance_id="7")
    with world.store.transaction():
        insert_attempt(world.store, elsewhere)
    (gone,) = unusable_accounts(world.store, [world.engine.reconcilers["vast"].setup], Config())
    assert gone.key_problem == "toy cannot be used: no installed package knows it"
    world.kill()


@pytest.mark.usefixtures("_toy")
def test_clients_are_told_by_which_variables_they_may_have_a_key_of_an_unused_cloud(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    """So that a cloud that nobody uses costs no command a second request."""
    home.mkdir()
    (home / "config.toml").write_text("[keys]\nkeyring = false\n[providers.tensordock]\nenabled = false\n")
    monkeypatch.setenv("VAST_API_KEY", "v" * 20)
    watcher = KeyWatcher(find_home(), SimClock(), log.Redactor(), pytest.fail)
    watcher.start(config.load(find_home()))
    assert (watcher.keyless(), watcher.keyless_header()) == (["toy"], ["toy=TOY_ID+TOY_TOKEN+TOY_TEAM"])
    monkeypatch.setenv("TOY_ID", ID)
    monkeypatch.setenv("TOY_TOKEN", TOKEN)
    watcher.reload()
    assert watcher.keyless() == watcher.keyless_header() == []
    monkeypatch.delenv("TOY_ID")
    monkeypatch.delenv("TOY_TOKEN")
    watcher = KeyWatcher(find_home(), SimClock(), log.Redactor(), pytest.fail)
    watcher.start(config.load(find_home()), lambda: {"toy"})
    assert watcher.keyless_header() == ["toy"], "something is open there: its key is looked for everywhere"
    monkeypatch.delenv("VAST_API_KEY")
    monkeypatch.setenv("TOY_TOKEN", TOKEN)
    watcher = KeyWatcher(find_home(), SimClock(), log.Redactor(), lambda text: None)
    watcher.start(config.load(find_home()))
    assert watcher.keyless_header() == ["vast", "toy"], "half a key, and no other cloud's: both are looked for"
