"""Which events become alerts, who is told of them, and what follows when a channel does not take one."""

from __future__ import annotations

import pytest

from gpushopper.core import alarms
from gpushopper.core.alerts.alert import TOPICS, Alert, Topic, alert_of, is_wanted, unknown_words
from gpushopper.core.alerts.delivery import (
    DELIVERED,
    LONGEST_PAUSE_S,
    MOST_REFUSALS,
    MOST_TRIES,
    Outcome,
    Result,
    Verdict,
    pause_us,
    verdict,
)
from gpushopper.core.lifecycle.ends.run_seen import MOST_TOLD, run_ends_seen
from gpushopper.core.model.ends.agent_report import AgentReport, RunSeen
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import session

SILENCE, NO = Outcome(Result.UNREACHABLE, "no answer"), Outcome(Result.REFUSED, "status 400")


def alert(event: str = "ended", **data: str) -> Alert | None:
    return alert_of(7, 1000, event, "vast-1 has ended", data, "s1")


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("ends_soon", Topic.ENDS_SOON), ("ending", Topic.ENDS_SOON), ("ending_withdrawn", Topic.ENDS_SOON),
        ("ended", Topic.ENDED), ("run_ended", Topic.RUNS),
    ],
)  # fmt: skip
def test_an_event_that_a_person_waits_for_is_an_alert(kind: str, topic: Topic):
    found = alert(kind)
    assert found is not None
    assert (found.event, found.topic, found.kind, found.session) == (7, topic, kind, "s1")


@pytest.mark.parametrize("kind", ["prepared", "closed", "alarm_cleared", "boot_progress", "end_requested"])
def test_what_is_only_history_is_no_alert(kind: str):
    assert alert(kind) is None


def test_an_alarm_is_an_alert_of_its_kind_with_what_can_be_done():
    found = alert("alarm", kind=alarms.DESTROY_OVERDUE, hint="look at the console", subject="a1")
    assert found is not None
    assert (found.topic, found.kind, found.hint) == (Topic.ALARMS, alarms.DESTROY_OVERDUE, "look at the console")


@pytest.mark.parametrize("kind", ["budget_warning", "budget_used_up", "budget_ends"])
def test_alarms_about_budgets_are_a_topic_of_their_own(kind: str):
    found = alert("alarm", kind=kind)
    assert found is not None
    assert found.topic is Topic.BUDGETS and not is_wanted(found, ["alarms"], "phone")


def test_a_channel_is_told_its_topics_and_single_kinds_of_alarm():
    found = alert("alarm", kind=alarms.MISSING)
    assert found is not None
    assert is_wanted(found, ["alarms"], "phone") and is_wanted(found, [alarms.MISSING], "phone")
    assert not is_wanted(found, ["ended", alarms.DEGRADED], "phone")


def test_only_other_channels_are_told_that_one_does_not_work():
    found = alert("alarm", kind=alarms.ALERT_UNDELIVERED, subject="phone")
    assert found is not None
    assert not is_wanted(found, ["alarms"], "phone") and is_wanted(found, ["alarms"], "desk")


def test_a_word_that_means_nothing_is_found():
    assert unknown_words([*TOPICS, alarms.MISSING, "everything", "test"]) == ["everything", "test"]


def test_an_alert_is_tried_for_days_where_nobody_answers_and_five_times_where_it_is_refused():
    assert verdict(DELIVERED, 1) is Verdict.DONE
    assert [verdict(SILENCE, MOST_TRIES - 1), verdict(SILENCE, MOST_TRIES)] == [Verdict.AGAIN, Verdict.GIVE_UP_ALL]
    assert [verdict(NO, MOST_REFUSALS - 1), verdict(NO, MOST_REFUSALS)] == [Verdict.AGAIN, Verdict.GIVE_UP]
    assert sum(pause_us(SILENCE, tries) for tries in range(1, MOST_TRIES)) > us(2.8 * 24 * 3600)


def test_the_pause_doubles_up_to_an_hour_and_is_as_long_as_the_receiver_asks_within_that():
    assert [pause_us(SILENCE, tries) // us(1) for tries in (1, 2, 3, 9, 10, 50)] == [10, 20, 40, 2560, 3600, 3600]
    assert pause_us(Outcome(Result.UNREACHABLE, "busy", 120.0), 1) == us(120)
    assert pause_us(Outcome(Result.UNREACHABLE, "busy", 10**9), 1) == us(LONGEST_PAUSE_S)


def report(*runs: RunSeen) -> AgentReport:
    return AgentReport("1", 0, 0, runs=runs)


def test_a_run_that_has_ended_or_was_lost_is_told_once():
    seen = report(RunSeen("r1", "0", 5), RunSeen("r2", "lost", 5), RunSeen("r3", "running", 5), RunSeen("r4", "1", 9))
    found = run_ends_seen(session(name="fox"), seen, {"r4"})
    assert [event.data["run"] for event in found] == ["r1", "r2"]
    assert [event.text for event in found] == [
        "fox: run r1 has ended with status 0", "fox: run r2 was lost: its process is gone",
    ]  # fmt: skip


def test_jupyter_servers_are_no_runs_that_one_waits_for():
    assert run_ends_seen(session(), report(RunSeen("jupyter-1", "0", 5)), ()) == []


def test_a_host_that_invents_runs_is_told_of_at_most_200():
    many = report(*(RunSeen(f"r{number}", "0", 1) for number in range(300)))
    assert len(run_ends_seen(session(), many, ())) == MOST_TOLD
    assert len(run_ends_seen(session(), many, {f"x{number}" for number in range(199)})) == 1
    assert run_ends_seen(session(), many, {f"x{number}" for number in range(200)}) == []
