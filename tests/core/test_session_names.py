"""Session names: few characters, never like an id; other text is turned into a valid one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.session_names import MAX_NAME_LENGTH, session_name_problem, to_valid_name


@pytest.mark.parametrize(
    "name", ["a", "7", "exp10", "my-exp", "a" * MAX_NAME_LENGTH, "a-", "rtx4090-k3f", "adopted-33400001"]
)
def test_a_plain_name_may_be_given(name: str):
    assert session_name_problem(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", "-x", "../x", "a:b", "a/b", "a b", "Exp", "a_b", "a.b", "Z\u00fcrich", "a\n", "a" * (MAX_NAME_LENGTH + 1),
    "$x", "*",
     "ubspn5k6v6hzyzna", "abcdefghijklmnop"],
)  # fmt: skip
def test_any_other_is_refused(name: str):
    assert session_name_problem(name)


def test_an_empty_name_is_called_so():
    assert session_name_problem("") == "the name is empty (an unset variable?)"


IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16)


@given(IDS)
def test_every_id_is_taken_for_one(made: str):
    assert session_name_problem(made)


@given(st.text() | IDS, st.integers(8, MAX_NAME_LENGTH))
def test_whatever_is_made_to_fit_may_be_given(text: str, longest: int):
    made = to_valid_name(text, longest)
    assert session_name_problem(made) == "" and len(made) <= max(longest, 16)


def test_a_name_that_fits_stays():
    assert to_valid_name("my-exp") == "my-exp" and to_valid_name("My Exp_1") == "my-exp-1"
