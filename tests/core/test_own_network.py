"""This computer's own lost network is told apart from an instance's silence (F127)."""

from __future__ import annotations

from typing import Any

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends.own_network import LIST, SSH, OwnNetwork, offline_alarm
from gpushopper.core.lifecycle.reachability import on_probe_failure
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.samples import WALL, attempt, carried_out, moment, of, session

SILENT = ProbeFailure(ProbeFailureKind.UNREACHABLE, "no answer within 15 s")


def network(*silent: tuple[str, str]) -> OwnNetwork:
    found = OwnNetwork()
    for number, (what, cloud) in enumerate(silent):
        found = found.unanswered(what, cloud, WALL + us(number))
    return found


def test_one_cloud_alone_may_be_to_blame_itself():
    assert network((SSH, "vast")).offline_since is None
    assert network((LIST, "vast"), (LIST, "tensordock")).offline_since is None
    assert network((SSH, "vast"), (SSH, "vast")).offline_since is None


def test_two_clouds_or_an_instance_and_a_list_are_this_computer():
    assert network((SSH, "vast"), (SSH, "tensordock")).offline_since == WALL
    assert network((LIST, "vast"), (SSH, "vast")).offline_since == WALL


def test_any_answer_shows_that_it_is_online():
    assert network((SSH, "vast"), (SSH, "tensordock")).answered().offline_since is None


def test_it_is_one_alarm_about_this_computer():
    (raised,) = of(RaiseAlarm, [offline_alarm(WALL)])
    assert raised.kind == alarms.OFFLINE and raised.text == "this computer is offline"
    assert of(ClearAlarm, [offline_alarm(None)]) != []


def failed(one: Any, failure: ProbeFailure = SILENT, *, is_offline: bool = False) -> Any:
    return on_probe_failure(session(), one, failure, moment(3600), REAL, is_offline=is_offline)


def test_no_instance_is_unreachable_while_this_computer_is_offline():
    long_ago = attempt(unreachable_since=WALL, silent_since=WALL)
    assert [a.kind for a in of(RaiseAlarm, failed(long_ago))] == [alarms.SSH_UNREACHABLE]
    actions = failed(long_ago, is_offline=True)
    assert of(RaiseAlarm, actions) == []
    after = carried_out(long_ago, actions)
    assert (after.unreachable_since, after.silent_since) == (None, None)


def test_silence_is_the_instances_own_alone():
    assert carried_out(attempt(), failed(attempt())).silent_since == moment(3600).wall
    assert carried_out(attempt(silent_since=WALL), failed(attempt(silent_since=WALL))).silent_since == WALL
    for kind in (ProbeFailureKind.LOCAL, ProbeFailureKind.MALFORMED):
        one = attempt(silent_since=WALL)
        assert carried_out(one, failed(one, ProbeFailure(kind, "x"))).silent_since is None
