"""docs/configuration.md says of each setting what the program says."""

from __future__ import annotations

import pytest

from gpushopper import config
from gpushopper.config.key_texts import TEXTS, about
from tests.cli.in_process import Inside
from tests.docs.configuration import GUIDE, NOWHERE, form_of, guide_text, named, variable_of


def test_the_page_is_made_from_the_settings():
    assert GUIDE.read_text(encoding="utf-8") == guide_text(), "run: python -m tests.docs.configuration"


@pytest.mark.parametrize("key", config.known_keys())
def test_each_setting_is_described_once(key: str):
    assert about(named(key)) and about(key) == about(named(key))


def test_no_text_is_for_a_setting_that_is_gone():
    known = {about(key) for key in config.known_keys()}
    assert [key for key, text in TEXTS.items() if text not in known] == []


@pytest.mark.parametrize(
    ("key", "form", "variable"),
    [
        ("brakes.open_sessions", "a whole number from 0 to 1000", "GPU_SHOPPER_OPEN_SESSIONS"),
        ("money.time_zone", "a time zone, such as Europe/Berlin", ""),
        ("policy.name", "a line of text", "GPU_SHOPPER_POLICY"),
        ("providers.*.enabled", "true or false", "GPU_SHOPPER_NAME_ENABLED"),
        ("defaults.provision.region", "a list of texts", "GPU_SHOPPER_REGION"),
    ],
)
def test_form_and_variable_are_those_that_are_read(key: str, form: str, variable: str):
    assert (form_of(key), variable_of(key)) == (form, variable)


def test_the_example_of_the_file_is_one():
    (example,) = [each.partition("```")[0] for each in GUIDE.read_text(encoding="utf-8").split("```toml\n")[1:]]
    assert config.check(example, "the page").provision.gpu == "RTX 4090"


def test_the_reading_order_is_that_of_the_page():
    environ = {"GPU_SHOPPER_MAX_PRICE": "0.40"}
    found = config.load(NOWHERE, environ=environ, flags={"defaults.provision.max_price": "0.30"})
    assert found.provision.max_price == 300_000 and found.inventory.max_price == 400_000


def test_a_wide_table_says_what_each_setting_means(home, monkeypatch: pytest.MonkeyPatch):
    home.mkdir(parents=True)
    ran = Inside(home)("config", "show", "-o", "wide")
    assert "instances that may be requested within an hour" in ran.out and "MEANS" in ran.out
    assert "MEANS" not in Inside(home)("config", "show").out
