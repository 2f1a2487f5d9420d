"""Settings: the precedence of their sources, and what a project file may not set."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper import config
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home, find_home


@pytest.fixture
def user(home: Path) -> Home:
    home.mkdir()
    return find_home()


@pytest.fixture
def project(home: Path) -> Path:
    """A folder below the one where the project file stands."""
    inner = home.parent / "repo" / "src" / "deep"
    inner.mkdir(parents=True)
    return inner


def test_without_any_file_everything_is_built_in(user: Home):
    found = config.load(user, environ={})
    assert found.brakes == config.SpendingLimitSettings(4, 12, 20_000_000)
    assert found.policy.name == "real"
    assert found.provision.gpu is None
    assert found.origin("brakes.open_sessions") == "built in"


def test_the_user_file_is_read_with_units(user: Home):
    user.config_file.write_text(
        "[brakes]\nopen_sessions = 8\ndollars_per_hour = 2.5\n"
        '[providers.vast]\nendpoint = "http://127.0.0.1:8080/"\nenabled = false\n'
        '[defaults.provision]\nmax_price = "0.45"\nregion = ["EU", "US"]\nhours = 3\n'
    )
    found = config.load(user, environ={})
    assert found.brakes.dollars_per_hour == 2_500_000
    assert found.provider("vast") == config.ProviderSettings("http://127.0.0.1:8080", False)
    assert found.provider("other") == config.ProviderSettings(None, True)
    assert (found.provision.max_price, found.provision.region, found.provision.hours) == (450_000, ("EU", "US"), 3.0)
    assert found.origin("brakes.open_sessions") == str(user.config_file)


def test_each_source_takes_precedence_over_the_next(user: Home, project: Path):
    key = "defaults.provision.gpu"
    user.config_file.write_text('[defaults.provision]\ngpu = "user"\n')
    assert config.load(user, environ={}).provision.gpu == "user"
    file = project.parents[1] / config.PROJECT_FILE
    file.write_text('[defaults.provision]\ngpu = "project"\n')
    found = config.load(user, environ={}, project_from=project)
    assert (found.provision.gpu, found.origin(key)) == ("project", str(file))
    environ = {"GPU_SHOPPER_GPU": "environment"}
    found = config.load(user, environ=environ, project_from=project)
    assert (found.provision.gpu, found.inventory.gpu) == ("environment", "environment")
    assert found.origin(key) == "GPU_SHOPPER_GPU"
    found = config.load(user, environ=environ, project_from=project, flags={key: "flag"})
    assert (found.provision.gpu, found.inventory.gpu, found.origin(key)) == ("flag", "environment", "flag")
    assert config.load(user, environ=environ, flags={key: None}).provision.gpu == "environment"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GPU_SHOPPER_OPEN_SESSIONS", "9", lambda c: c.brakes.open_sessions == 9),
        ("GPU_SHOPPER_POLICY", "drill", lambda c: c.policy.name == "drill"),
        ("GPU_SHOPPER_VAST_ENDPOINT", "http://127.0.0.1:1", lambda c: c.provider("vast").endpoint == "http://127.0.0.1:1"),
        ("GPU_SHOPPER_VAST_ENABLED", "no", lambda c: c.provider("vast").enabled is False),
        ("GPU_SHOPPER_REGION", "EU,US", lambda c: c.inventory.region == ("EU", "US")),
        ("GPU_SHOPPER_MAX_PRICE", "$0.30", lambda c: c.provision.max_price == 300_000),
        ("GPU_SHOPPER_HOME", "/tmp/x", lambda c: c.origins == {}),
        ("GPU_SHOPPER_UNHEARD_OF", "1", lambda c: c.origins == {}),
        ("GPU_SHOPPER_GPU", "", lambda c: c.origins == {}),
    ],
)  # fmt: skip
def test_variables_set_settings(user: Home, variable: str, value: str, expected):
    assert expected(config.load(user, environ={variable: value}))


@pytest.mark.parametrize(
    "line",
    [
        '[providers.vast]\nendpoint = "http://evil.example"',
        "[providers.vast]\nenabled = false",
        "[brakes]\nopen_sessions = 100",
        '[policy]\nname = "drill"',
        "policy = 1",
        "defaults = 1",
        '[defaults]\ngpu = "x"',
        '[keys]\nvast = "x"',
    ],
)
def test_a_project_file_may_set_defaults_only(user: Home, project: Path, line: str):
    (project / config.PROJECT_FILE).write_text(line + "\n")
    with pytest.raises(Misconfigured) as caught:
        config.load(user, environ={}, project_from=project)
    assert caught.value.exit_code == 4
    assert caught.value.code == "project_redirect"
    assert str(project / config.PROJECT_FILE) in caught.value.message
    assert "cloned repository must not redirect" in caught.value.hint


def test_without_a_start_folder_no_project_file_is_read(user: Home, project: Path, monkeypatch):
    (project / config.PROJECT_FILE).write_text('[policy]\nname = "drill"\n')
    monkeypatch.chdir(project)
    assert config.load(user, environ={}).policy.name == "real"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[brakes]\nopen_session = 1", ["brakes.open_session", "did you mean brakes.open_sessions?"]),
        ("[provider.vast]\nendpoint = 'http://x'", ["provider.vast.endpoint", "did you mean providers.vast.endpoint?"]),
        ("[providers.vast]\nendpoit = 'http://x'", ["providers.vast.endpoit", "did you mean providers.vast.endpoint?"]),
        ("zebra = 1", ["zebra", "config show"]),
        ("[brakes]\nopen_sessions = 'many'", ["brakes.open_sessions", "whole number"]),
        ("[brakes]\nopen_sessions = 1.5", ["whole number"]),
        ("[brakes]\nopen_sessions = true", ["whole number"]),
        ("[brakes]\ndollars_per_hour = nan", ["amount of dollars"]),
        ("[brakes]\ndollars_per_hour = -1", ["amount of dollars"]),
        ("[defaults.inventory]\nregion = 3", ["list of texts"]),
        ("[defaults.inventory]\ngpu = ['a']", ["a line of text"]),
        ("[defaults.inventory]\nmin_reliability = inf", ["a number from 0 to 1"]),
        ("[providers.vast]\nenabled = 'perhaps'", ["true or false"]),
        ("[providers.vast]\nendpoint = 'ftp://x'", ["https://"]),
        ("[brakes\n", ["not valid TOML"]),
    ],
)
def test_an_invalid_setting_is_named_with_its_file(user: Home, text: str, names: list[str]):
    user.config_file.write_text(text + "\n")
    with pytest.raises(Misconfigured) as caught:
        config.load(user, environ={})
    said = f"{caught.value.message} {caught.value.hint}"
    assert [name for name in [*names, str(user.config_file)] if name not in said] == []


def test_a_file_that_is_not_text_is_one_line(user: Home):
    user.config_file.write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="cannot be read"):
        config.load(user, environ={})


def test_an_account_has_a_cloud_and_a_name_that_is_no_key(user: Home):
    user.config_file.write_text('[accounts.lab]\ncloud = "vast"\n')
    assert config.load(user, {}).account_clouds == {"lab": "vast"}
    for text, code in (
        ("[accounts.lab]\nenabled = false\n", "account_cloud"),
        ('[accounts.lab2]\ncloud = "vast"\n', "account_name"),
        ('[accounts.registry]\ncloud = "vast"\n', "account_name"),
        ('[accounts.lab]\ncloudy = "vast"\n', "unknown_key"),
    ):
        user.config_file.write_text(text)
        with pytest.raises(Misconfigured) as refused:
            config.load(user, {})
        assert refused.value.code == code


def test_a_policy_for_sandboxes_has_no_built_in_brakes(user: Home):
    """What is set there holds; nothing else limits what costs nothing."""
    user.config_file.write_text('[policy]\nname = "drill"\n[brakes]\nopen_sessions = 2\n')
    found = config.load(user, environ={})
    assert (found.brakes.open_sessions, found.brakes.creates_per_hour) == (2, 10_000)
    assert found.brakes.dollars_per_hour == 10**12
    assert found.origin("brakes.creates_per_hour") == "policy drill"
