"""docs/licences.md is what the packages' metadata say, and no licence is incompatible with ours."""

from __future__ import annotations

import re

import pytest

from tests.floors.tree import text_of
from tests.packages.installers import LOCK
from tests.packages.licences import FILE, HEAD, meaning, rows, written
from tests.packages.test_lock import locked


def test_the_table_says_what_the_metadata_say():
    """`make licences` writes it anew."""
    assert text_of(FILE).startswith(HEAD)
    kept = written()
    assert {name: kept.get(name) for name in rows()} == rows()


def test_every_package_of_the_lock_file_is_in_it():
    """But for what Windows alone needs."""
    windows = set(re.findall(r"^([\w-]+)==\S+ ; sys_platform == 'win32'", text_of(LOCK), re.MULTILINE))
    assert set(written()) - windows == set(locked()) - windows


def test_no_licence_is_unknown_or_incompatible_with_ours():
    assert [line for line in written().values() if line.split("|")[3].strip() == "None"] == []


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True), ("Apache-2.0 AND BSD-2-Clause", True), ("GPL-3.0-only", False),
        ("EPL-2.0 OR GPL-2.0-or-later", True), ("MIT AND GPL-3.0-only", False), ("unknown", False),
        ("AGPL-3.0-only OR LicenseRef-Commercial", False),
    ],
)  # fmt: skip
def test_a_licence_fits_if_one_choice_of_it_does(expression: str, fits: bool):
    assert (meaning(expression) is not None) is fits
