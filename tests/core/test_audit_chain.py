"""The audit log's chain: whatever is changed, removed, put in, cut off or written anew, the check says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gpushopper.core.audit_chain import (
    BEGUN,
    FIRST,
    MOST_PROBLEMS,
    Act,
    check_chain,
    check_events,
    digest,
    read_line,
    write_line,
)

T = 1_780_000_000_000_000


def act(event: int, **changes: object) -> Act:
    base = Act("db1", event, T + event, "sent", f"create {event} — sent", "s1", "a1", {"offer": "vast:1", "n": [1]})
    return replace(base, **changes)  # type: ignore[arg-type]


def chain(*acts: Act, previous: str = FIRST) -> list[str]:
    lines = []
    for each in acts:
        lines.append(write_line(each, previous))
        previous = digest(lines[-1])
    return lines


BEGIN = Act("db1", 0, T, BEGUN, "the log of a database begins")
LOG = chain(BEGIN, *(act(number) for number in range(1, 8)))


def test_a_log_that_was_left_alone_is_whole():
    found = check_chain(LOG)
    assert found.problems == () and found.lines == 8 and found.head == digest(LOG[-1])
    assert [read_line(text).act for text in LOG] == [BEGIN, *(act(number) for number in range(1, 8))]
    assert check_chain([]).problems == ()


def test_another_database_goes_on_in_the_same_chain():
    begin = replace(BEGIN, database="db2")
    more = chain(begin, act(1, database="db2"), previous=digest(LOG[-1]))
    assert check_chain(LOG + more).problems == ()
    skipped = chain(act(1, database="db2"), previous=digest(LOG[-1]))
    assert check_chain(LOG + skipped).problems == ("line 9 is of a database whose first line is missing",)


CHANGES: dict[str, Callable[[list[str]], list[str]]] = {
    "a text changed": lambda log: [*log[:3], log[3].replace("create 3", "create 9"), *log[4:]],
    "a time changed": lambda log: [*log[:3], log[3].replace(str(T + 3), str(T + 4)), *log[4:]],
    "a line removed": lambda log: log[:3] + log[4:],
    "the first line removed": lambda log: log[1:],
    "a line twice": lambda log: [*log[:4], log[3], *log[4:]],
    "two lines swapped": lambda log: [*log[:3], log[4], log[3], *log[5:]],
    "a line put in": lambda log: [*log[:3], write_line(act(3, text="x"), digest(log[2])), *log[3:]],
    "spaces put in": lambda log: [*log[:3], log[3].replace(":", ": ", 1), *log[4:]],
    "an empty line": lambda log: [*log[:3], "", *log[3:]],
    "no JSON": lambda log: [*log[:3], "{", *log[4:]],
    "a field more": lambda log: [*log[:3], log[3][:-1] + ',"x":1}', *log[4:]],
    "the same act, written otherwise": lambda log: [*log[:3], log[3].replace("\\u2014", "—"), *log[4:]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_found(change: Callable[[list[str]], list[str]]):
    assert check_chain(change(LOG)).problems != ()


def test_what_the_chain_alone_cannot_show_a_noted_head_does():
    head = digest(LOG[5])
    assert check_chain(LOG, head[:16]).has_head and check_chain(LOG, digest(LOG[-1])).has_head
    assert check_chain(LOG[:5]).problems == () and not check_chain(LOG[:5], head).has_head, "cut off"
    anew = chain(BEGIN, *(act(number, text="harmless") for number in range(1, 8)))
    assert check_chain(anew).problems == () and not check_chain(anew, head).has_head, "written anew"


def test_what_the_chain_alone_cannot_show_the_database_does():
    acts = [act(number) for number in range(1, 8)]
    later = T + 100
    assert check_events([BEGIN, *acts], acts, later) == []
    assert check_events([BEGIN, *acts[:-1]], acts, later) == ["event 7 (sent: create 7 — sent) is not in the log"]
    assert check_events([BEGIN, *acts[:-1]], acts, fresh_at=T + 7) == [], "too fresh to be there"
    assert check_events(acts, acts[:-1], later)[0].endswith("is in the log and not in the database")
    assert check_events([*acts[:-1], act(7, text="x")], acts, later) == ["event 7 differs: sent: x in the log"]


def test_no_more_is_said_than_a_person_reads():
    assert len(check_chain(["{"] * 1000).problems) == MOST_PROBLEMS
    assert len(check_events([], [act(n) for n in range(1000)], T + 2000)) == MOST_PROBLEMS


def test_the_last_line_has_one_text_only():
    """No line after it would show a change."""
    for otherwise in (LOG[-1].replace(":", ": ", 1), LOG[-1].replace("\\u2014", "—"), LOG[-1] + " "):
        assert check_chain([*LOG[:-1], otherwise]).problems == ("line 8 is damaged",)
