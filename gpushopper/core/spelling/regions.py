"""Regions: whether the place that a cloud names lies in the group, the country or the city that a person typed.

Clouds write `Sweden, SE`, `Joplin, Missouri, United States`, `us-east-1` or `eu-north1`. Country codes are those of
ISO 3166-1; the table has the countries where clouds and hosts of marketplaces stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_COUNTRIES = """
AE United Arab Emirates;AL Albania;AM Armenia;AR Argentina;AT Austria;AU Australia;AZ Azerbaijan;BA Bosnia;BD Bangladesh
BE Belgium;BG Bulgaria;BH Bahrain;BR Brazil;BY Belarus;CA Canada;CH Switzerland;CL Chile;CN China;CO Colombia
CR Costa Rica;CY Cyprus;CZ Czechia;DE Germany;DK Denmark;EC Ecuador;EE Estonia;EG Egypt;ES Spain;FI Finland;FR France
GB United Kingdom;GE Georgia;GR Greece;HK Hong Kong;HR Croatia;HU Hungary;ID Indonesia;IE Ireland;IL Israel;IN India
IS Iceland;IT Italy;JP Japan;KE Kenya;KR South Korea;KZ Kazakhstan;LI Liechtenstein;LT Lithuania;LU Luxembourg;LV Latvia
MA Morocco;MD Moldova;ME Montenegro;MK North Macedonia;MO Macao;MT Malta;MX Mexico;MY Malaysia;NG Nigeria;NL Netherlands
NO Norway;NZ New Zealand;OM Oman;PA Panama;PE Peru;PH Philippines;PK Pakistan;PL Poland;PR Puerto Rico;PT Portugal
PY Paraguay;QA Qatar;RO Romania;RS Serbia;RU Russia;SA Saudi Arabia;SE Sweden;SG Singapore;SI Slovenia;SK Slovakia
TH Thailand;TN Tunisia;TR Turkey;TW Taiwan;UA Ukraine;US United States;UY Uruguay;UZ Uzbekistan;VN Vietnam
ZA South Africa
"""
COUNTRIES = dict(row.split(" ", 1) for row in _COUNTRIES.strip().replace("\n", ";").split(";"))
"""Names by code."""
_OTHER_NAMES = {
    "uk": "GB", "great britain": "GB", "england": "GB", "usa": "US", "u.s.": "US", "united states of america": "US",
    "the netherlands": "NL", "holland": "NL", "czech republic": "CZ", "korea": "KR", "republic of korea": "KR",
    "türkiye": "TR", "viet nam": "VN", "uae": "AE", "russian federation": "RU", "bosnia and herzegovina": "BA",
}  # fmt: skip
_CODES = {name.lower(): code for code, name in COUNTRIES.items()} | _OTHER_NAMES

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_REST_OF_EUROPE = "AL BA BY CH GB IS LI MD ME MK NO RS UA"
GROUPS = {"eu": frozenset(_EU.split()), "europe": frozenset(f"{_EU} {_REST_OF_EUROPE}".split())}
"""Groups of countries by what is typed."""
_WORDS = re.compile(r"[^\W_]+")
_AREA = re.compile(r"([a-z]{2})[-_][a-z]+.*")


def country_of(place: str) -> str | None:
    """The code of a country that is named by code or name; None for any other text."""
    text = place.strip()
    return text.upper() if text.upper() in COUNTRIES else _CODES.get(text.lower())


_ALSO_A_STATE = "georgia"


def countries_in(wanted: Iterable[str]) -> frozenset[str] | None:
    """The codes of all countries that were typed, by name, code or group; None where one may be another place."""
    found: set[str] = set()
    for typed in wanted:
        word = typed.strip().lower()
        country = None if word == _ALSO_A_STATE else country_of(word)
        codes = GROUPS.get(word) or ({country} if country is not None else None)
        if codes is None:
            return None
        found |= codes
    return frozenset(found) or None


def written_codes(countries: Iterable[str]) -> list[str]:
    """Every code of two letters that a cloud may write for these countries: `GB` is also `UK`. Sorted."""
    asked = set(countries)
    others = {name.upper() for name, code in _OTHER_NAMES.items() if len(name) == 2 and code in asked}
    return sorted(asked | others)


@lru_cache(maxsize=4096)
def region_country(region: str) -> str | None:
    """The country of a cloud's region; None where it does not say."""
    last = region.rsplit(",", maxsplit=1)[-1]
    area = _AREA.fullmatch(last.strip().lower())
    return country_of(last) or (country_of(area[1]) if area else None)


@lru_cache(maxsize=65_536)
def is_in(region: str, wanted: str) -> bool:
    """Whether a region lies in what was typed: a group, a country, else whole words of its name, such as a city.

    No part of a word counts: `india` is not Indiana.
    """
    word = wanted.strip().lower()
    here = region_country(region)
    group = GROUPS.get(word)
    if group is not None and here is not None:
        return here in group
    country = country_of(word)
    if country is not None and here is not None:
        # `georgia` is also a state; `mexico` is not New Mexico.
        return here == country or (len(word) > 2 and word in [part.strip() for part in region.lower().split(",")])
    return bool(word) and f" {_words(word)} " in f" {_words(region)} "


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))
