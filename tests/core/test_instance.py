"""Labels: only text that this program could have written proves an instance ours (D3, I3, S4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.instance import LABEL_LENGTH, Owner, make_label, parse_label
from tests.core.samples import ELSEWHERE, HERE, attempt_id, row

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
installations = st.text(ALPHABET, min_size=10, max_size=10)
attempts = st.text(ALPHABET, min_size=16, max_size=16)
LABEL = make_label(HERE, attempt_id())


@given(installation=installations, attempt=attempts)
def test_a_label_says_who_made_it(installation: str, attempt: str):
    label = make_label(installation, attempt)
    assert len(label) == LABEL_LENGTH == 36
    assert parse_label(label) == Owner(installation, attempt)


def test_the_form_of_a_label_is_fixed_for_ever():
    assert make_label("abcdefghij", "abcdefghijklmnop") == "gs1-abcdefghij-abcdefghijklmnop-pd2w"


@given(st.text())
def test_text_that_is_accepted_is_text_we_would_write(text: str):
    owner = parse_label(text)
    assert owner is None or make_label(owner.installation, owner.attempt) == text


@given(installation=installations, attempt=attempts, place=st.integers(0, 35), letter=st.characters())
def test_a_label_with_one_changed_letter_is_invalid(installation: str, attempt: str, place: int, letter: str):
    label = make_label(installation, attempt)
    assume(label[place] != letter)
    assert parse_label(label[:place] + letter + label[place + 1 :]) is None


@given(length=st.integers(0, 35))
def test_a_cut_label_is_invalid(length: int):
    assert parse_label(LABEL[:length]) is None
    assert parse_label(LABEL[36 - length :]) is None


@given(extra=st.text(min_size=1))
def test_a_longer_label_is_invalid(extra: str):
    assert parse_label(LABEL + extra) is None
    assert parse_label(extra + LABEL) is None


@given(check=st.text(ALPHABET, min_size=4, max_size=4))
def test_a_label_with_wrong_check_characters_is_invalid(check: str):
    assume(check != LABEL[-4:])
    assert parse_label(LABEL[:-4] + check) is None


@pytest.mark.parametrize(
    "text", [None, "", LABEL.upper(), LABEL.title(), f"{LABEL}\n", f" {LABEL}", LABEL.replace("-", "_"), "gs1---"]
)
def test_a_label_in_another_spelling_is_invalid(text: str | None):
    assert parse_label(text) is None


def test_check_characters_bind_both_parts():
    other = make_label(ELSEWHERE, attempt_id())
    assert parse_label(f"gs1-{HERE}-{attempt_id()}-{other[-4:]}") is None
    assert parse_label(f"gs1-{HERE}-{attempt_id(2)}-{LABEL[-4:]}") is None


@pytest.mark.parametrize(("installation", "attempt"), [("", attempt_id()), (HERE, ""), (HERE.upper(), attempt_id())])
def test_no_label_is_made_that_could_not_be_read_back(installation: str, attempt: str):
    with pytest.raises(ValueError, match="label's form"):
        make_label(installation, attempt)


def test_either_carrier_proves_the_owner_and_the_label_wins():
    mine, other = Owner(HERE, attempt_id()), make_label(ELSEWHERE, attempt_id(2))
    assert row(label=LABEL, env_label=None).owner() == mine
    assert row(label=None, env_label=LABEL).owner() == mine
    assert row(label=LABEL[:20], env_label=LABEL).owner() == mine
    assert row(label=LABEL, env_label=other).owner() == mine
    assert row(label=LABEL[:20], env_label=LABEL[:30]).owner() is None


def test_the_first_valid_carrier_wins_wherever_it_is():
    mine, other = make_label(HERE, attempt_id()), make_label(ELSEWHERE, attempt_id(2))
    texts = ((Carrier.NAME, "pod-7"), (Carrier.TAG, None), (Carrier.METADATA, mine), (Carrier.ENVIRONMENT, other))
    one = replace(row(), carriers=texts)
    assert (one.owner(), one.valid_label(), one.label) == (Owner(HERE, attempt_id()), mine, "pod-7")
    assert one.label_texts == ("pod-7", mine, other)
    assert (replace(one, carriers=()).owner(), replace(one, carriers=()).label) == (None, None)
