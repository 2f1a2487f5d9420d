"""Labels: only text that this program could have written proves an instance ours (D3, I3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gpushopper.core.model.label import (
    HARD_MAX_FROM,
    HARD_MAX_UNTIL,
    LABEL_LENGTH,
    Label,
    label_beginnings,
    make_label,
    parse_label,
)
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.core.samples import ELSEWHERE, HARD_MAX, HERE, attempt_id

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
installations = st.text(ALPHABET, min_size=10, max_size=10)
attempts = st.text(ALPHABET, min_size=16, max_size=16)
# An attempt may be made at any moment of the alphabet's hours.
hard_maxima = st.integers(HARD_MAX_FROM, HARD_MAX_UNTIL)

GS2 = make_label(HERE, attempt_id(), HARD_MAX)
GS1 = Label(1, HERE, attempt_id()).text
BOTH = pytest.mark.parametrize("label", [GS1, GS2], ids=["gs1", "gs2"])


@given(installation=installations, attempt=attempts, hard_max=hard_maxima)
def test_a_label_says_who_made_it_and_when_it_must_be_gone(installation: str, attempt: str, hard_max: int):
    text = make_label(installation, attempt, hard_max)
    label = parse_label(text)
    assert label is not None and label.hard_max_at is not None and label.text == text
    assert (label.version, label.installation, label.attempt) == (2, installation, attempt)
    assert len(text) == LABEL_LENGTH == 40
    assert label.hard_max_at % HOUR == 0 and 0 <= label.hard_max_at - hard_max < HOUR


@given(installation=installations, attempt=attempts)
def test_a_label_of_version_1_is_read_for_ever(installation: str, attempt: str):
    label = Label(1, installation, attempt)
    assert parse_label(label.text) == label and len(label.text) == 36
    assert label.hard_max_at is None


def test_the_form_of_a_label_is_fixed_for_ever():
    assert Label(1, "abcdefghij", "abcdefghijklmnop").text == "gs1-abcdefghij-abcdefghijklmnop-pd2w"
    noon = round(datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
    assert make_label("abcdefghij", "abcdefghijklmnop", noon) == "gs2-abcdefghij-abcdefghijklmnop-bxuez4b3"


@pytest.mark.parametrize(
    ("digits", "hour"), [("aaaa", 0), ("aaab", 1), ("aaba", 32), ("a777", 2**15 - 1), ("7777", 2**20 - 1)]
)
def test_the_hour_counts_from_2020_in_base32(digits: str, hour: int):
    label = make_label(HERE, attempt_id(), HARD_MAX_FROM + hour * HOUR)
    assert label.split("-")[3][:4] == digits
    assert datetime.fromtimestamp(HARD_MAX_FROM / 1e6, UTC) == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("over_us", "hours"), [(-1, 5), (0, 5), (1, 6), (HOUR - 1, 6), (HOUR, 6)])
def test_the_hard_maximum_is_rounded_up_to_the_hour(over_us: int, hours: int):
    label = parse_label(make_label(HERE, attempt_id(), HARD_MAX_FROM + 5 * HOUR + over_us))
    assert label is not None and label.hard_max_at == HARD_MAX_FROM + hours * HOUR


@given(st.text() | st.from_regex(r"gs[0-9]-[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{4,8}", fullmatch=True))
def test_text_that_is_accepted_is_text_we_would_write(text: str):
    label = parse_label(text)
    assert label is None or label.text == text


@BOTH
def test_no_changed_character_and_no_two_swapped_ones_are_accepted(label: str):
    """Every one of this label's: 1,500 texts. Of all labels', one in a million passes four check characters."""
    changed = {
        label[:at] + letter + label[at + 1 :] for at in range(len(label)) for letter in f"{ALPHABET}018-_ A\n\u212a"
    }
    swapped = {
        label[:a] + label[b] + label[a + 1 : b] + label[a] + label[b + 1 :] for b in range(len(label)) for a in range(b)
    }
    assert [text for text in (changed | swapped) - {label} if parse_label(text)] == []


@given(
    installation=installations,
    attempt=attempts,
    hard_max=hard_maxima,
    version=st.sampled_from([1, 2]),
    data=st.data(),
)
def test_a_label_with_a_changed_character_or_two_swapped_is_invalid(
    installation: str, attempt: str, hard_max: int, version: int, data: st.DataObject
):
    label = make_label(installation, attempt, hard_max) if version == 2 else Label(1, installation, attempt).text
    first, second = (data.draw(st.integers(0, len(label) - 1)) for _ in range(2))
    letters = list(label)
    if data.draw(st.booleans()):
        letters[first] = data.draw(st.sampled_from(ALPHABET) | st.characters())
    else:
        letters[first], letters[second] = letters[second], letters[first]
    assume("".join(letters) != label)
    assert parse_label("".join(letters)) is None


@BOTH
def test_a_cut_or_longer_label_is_invalid(label: str):
    for length in range(len(label)):
        assert parse_label(label[:length]) is None
        assert parse_label(label[len(label) - length :]) is None
    for extra in (*ALPHABET, "-", " ", "\n", "\0"):
        assert parse_label(label + extra) is None
        assert parse_label(extra + label) is None


@BOTH
def test_a_label_in_another_spelling_is_invalid(label: str):
    for text in (label.upper(), label.title(), f"{label}\n", f" {label}", label.replace("-", "_")):
        assert parse_label(text) is None


@pytest.mark.parametrize("text", [None, "", "gs1---", "gs2---", f"gs3{GS2[3:]}", f"gs1{GS2[3:]}", f"gs2{GS1[3:]}"])
def test_other_text_is_no_label(text: str | None):
    assert parse_label(text) is None


def test_check_characters_bind_every_part():
    for other in (
        make_label(ELSEWHERE, attempt_id(), HARD_MAX),
        make_label(HERE, attempt_id(2), HARD_MAX),
        make_label(HERE, attempt_id(), HARD_MAX + HOUR),
        make_label(HERE, attempt_id(), HARD_MAX - 32**3 * HOUR),
    ):
        assert parse_label(other) is not None
        assert parse_label(other[:-4] + GS2[-4:]) is None
    assert parse_label(Label(1, ELSEWHERE, attempt_id()).text[:-4] + GS1[-4:]) is None


@pytest.mark.parametrize(("installation", "attempt"), [("", attempt_id()), (HERE, ""), (HERE.upper(), attempt_id())])
def test_no_label_is_made_that_could_not_be_read_back(installation: str, attempt: str):
    with pytest.raises(ValueError, match="label's form"):
        make_label(installation, attempt, HARD_MAX)


@pytest.mark.parametrize("hard_max", [0, HARD_MAX_FROM - HOUR, HARD_MAX_UNTIL + 1])
def test_no_label_is_made_for_an_hour_that_it_cannot_name(hard_max: int):
    """A clock of 1970 or 2140 gives no label that would read as long past, or as far ahead."""
    with pytest.raises(ValueError, match="clock"):
        make_label(HERE, attempt_id(), hard_max)


def test_two_labels_of_one_attempt_are_the_same_attempts_whatever_their_hour():
    mine = Label(2, HERE, attempt_id(), HARD_MAX_FROM)
    for other in (Label(1, HERE, attempt_id()), Label(2, HERE, attempt_id(), HARD_MAX_UNTIL)):
        assert mine.is_same_attempt(other) and other.is_same_attempt(mine)
    for other in (Label(2, ELSEWHERE, attempt_id()), Label(2, HERE, attempt_id(2), HARD_MAX_FROM), None):
        assert not mine.is_same_attempt(other)


def test_the_beginnings_of_an_installations_labels():
    assert GS1.startswith(label_beginnings(HERE)) and GS2.startswith(label_beginnings(HERE))
    assert not GS1.startswith(label_beginnings(ELSEWHERE)) and not GS2.startswith(label_beginnings(ELSEWHERE))
