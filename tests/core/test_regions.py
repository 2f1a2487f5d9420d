"""Regions: groups, countries and cities in every form that clouds write."""

from __future__ import annotations

import pytest

from gpushopper.core.spelling.regions import COUNTRIES, GROUPS, countries_in, is_in, region_country


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("Sweden, SE", "SE"), ("Joplin, Missouri, United States", "US"), ("us-east-1", "US"), ("London, UK", "GB"),
        ("GB", "GB"), ("Prague, Czech Republic", "CZ"), ("eu-north1", None), ("", None), ("Texas", None),
        ("Tbilisi, Georgia", "GE"), ("no-oslo-2", "NO"), ("Nowhere, ZZ", None),
    ],
)  # fmt: skip
def test_the_country_of_a_region(region: str, country: str | None):
    assert region_country(region) == country


@pytest.mark.parametrize(
    ("region", "inside", "outside"),
    [
        ("Sweden, SE", ["EU", "eu", "Europe", "SE", "se", "sweden"], ["US", "DE", "swed", "w"]),
        ("Oslo, Norway", ["Europe", "NO", "oslo"], ["EU"]),
        ("London, United Kingdom", ["UK", "gb", "England", "London", "europe"], ["eu"]),
        ("Joplin, Missouri, United States", ["US", "usa", "united states", "joplin", "Missouri"], ["MO", "souri"]),
        ("Texas, US", ["texas", "US"], ["TX", "exas"]),
        ("Indiana, US", ["indiana", "us"], ["india", "IN", "eu"]),
        ("Atlanta, Georgia, US", ["georgia", "US"], ["GE"]),
        ("Tbilisi, Georgia, GE", ["georgia", "GE"], ["US", "eu"]),
        ("Santa Fe, New Mexico, US", ["new mexico", "santa fe"], ["mexico", "MX"]),
        ("Muscat, Oman", ["OM"], ["roman"]), ("Rome, Italy", ["rome", "IT", "EU"], ["oman"]),
        ("eu-north1", ["eu", "eu-north1"], ["US", "north2"]), ("us-east-1", ["US"], ["EU", "east 2"]),
        ("Datacenter 7", ["datacenter 7"], ["EU", "US", "", " "]),
    ],
)  # fmt: skip
def test_what_lies_where(region: str, inside: list[str], outside: list[str]):
    assert {typed: is_in(region, typed) for typed in (*inside, *outside)} == {
        **dict.fromkeys(inside, True), **dict.fromkeys(outside, False),
    }  # fmt: skip


def test_the_table_is_whole():
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)
    assert len(GROUPS["eu"]) == 27 and GROUPS["eu"] < GROUPS["europe"] <= set(COUNTRIES)


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        (["SE"], {"SE"}), (["sweden", "no"], {"SE", "NO"}), (["EU", "US"], GROUPS["eu"] | {"US"}), (["uk"], {"GB"}),
        ([], None), (["Texas"], None), (["SE", "Stockholm"], None), (["georgia"], None), (["GE"], {"GE"}), ([""], None),
    ],
)  # fmt: skip
def test_only_what_names_nothing_but_countries_is_a_list_of_them(typed: list[str], codes: set[str] | None):
    assert countries_in(typed) == codes
