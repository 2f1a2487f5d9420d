"""Alerts reach each channel once, however its receiver behaves, and nothing else waits for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper.config.alert_channels import AlertChannel, ChannelKind
from gpushopper.core import alarms
from gpushopper.core.alerts.delivery import MOST_TRIES, MOST_WAITING
from gpushopper.core.model.actions import EventDraft, RaiseAlarm
from gpushopper.core.model.ends.agent_report import RunSeen
from gpushopper.core.policy import REAL
from gpushopper.core.spending.budget import Budget, ScopeKind
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import DiskFull
from gpushopper.store import events
from gpushopper.store.database import Store
from gpushopper.store.money.budgets import save_budget
from gpushopper.store.outbox import alerts as outbox
from tests.sim.alert_receivers import SimAlerts, SimReceiver
from tests.sim.world import World

HOSTILE = {"down": "down", "slow": "slow", "hangs": "hangs", "redirects": "redirects", "lies": "lies", "fine": "fine"}
DAY_S = 24 * 3600
Story = list[tuple[int, str, str]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def history(world: World) -> Story:
    found = events.after(world.store, 0, 10_000)
    own = ("alert_given_up",)
    return [(e.at, e.kind, e.text) for e in found if e.kind not in own and e.data.get("kind") != "alert_undelivered"]


def an_hour(world: World, alerts: SimAlerts) -> Story:
    """A session of an hour to its proven end, with the job running beside it."""
    session = world.provision(hours=1, name="fox")
    alerts.run_for(2 * 3600)
    assert world.status(session) == "stopped"
    return history(world)


def about_session(texts: list[str]) -> list[str]:
    return [text for text in texts if "do not arrive" not in text]


def write(world: World, *texts: str, kind: str = "ended") -> None:
    with world.store.transaction():
        for text in texts:
            Transaction(world.engine.ctx, world.clock.now()).add_event(EventDraft(kind, text))


def given_up(world: World) -> list[str]:
    return [event.text for event in events.after(world.store, 0, 10_000) if event.kind == "alert_given_up"]


def active(world: World) -> list[tuple[str, str]]:
    return [(alarm.kind, alarm.subject) for alarm in world.requests.alarms().alarms]


def test_hostile_receivers_delay_nothing_and_get_each_alert_once_when_they_recover(tmp_path: Path):
    """Down for a day, slow, hanging, redirecting, lying: the session's story is to the µs that without channels."""
    stories = []
    for name, modes in (("with", HOSTILE), ("without", {})):
        (tmp_path / name).mkdir()
        world = World(tmp_path / name).start().ready()
        alerts = SimAlerts(world, **modes)
        stories.append(an_hour(world, alerts))
        if not modes:
            world.kill()
            continue
        told = alerts.receivers["fine"].texts
        assert any("ended" in text for text in told) and any("ends in" in text for text in told)
        assert alerts.receivers["fine"].names == {"fox", None}, "the session's, and none of an alarm about a channel"
        alerts.jump_for(DAY_S, step_s=600)
        for receiver in alerts.receivers.values():
            receiver.mode = "fine"
        alerts.jump_for(2 * 3600)
        for hostile in ("down", "slow", "hangs", "lies"):
            assert about_session(alerts.receivers[hostile].texts) == about_session(told), hostile
        assert alerts.receivers["slow"].repeated > 0, "a repetition has the id of what it repeats"
        assert all(receiver.repeated == 0 for name, receiver in alerts.receivers.items() if name != "slow")
        assert alerts.receivers["redirects"].taken == [] and len(given_up(world)) > 5
        assert alerts.receivers["down"].tries < 100, "it is not hammered"
        world.kill()
    assert stories[0] == stories[1]


def test_after_a_kill_at_any_time_nothing_is_lost_and_the_id_stays(world: World):
    alerts = SimAlerts(world, phone="slow")
    write(world, "fox has ended", "elk has ended")
    alerts.job.step()
    assert alerts.receivers["phone"].taken == [f"gs-{events.last_id(world.store) - 1}"]
    world.restart()
    alerts.receivers["phone"].mode = "fine"
    alerts.start()
    alerts.run_for(120)
    assert alerts.receivers["phone"].texts == ["fox has ended", "elk has ended"]
    assert alerts.receivers["phone"].repeated == 1


def test_what_happened_before_a_channel_was_added_is_not_told_to_it(world: World):
    write(world, "fox has ended")
    alerts = SimAlerts(world, phone="fine")
    alerts.run_for(60)
    assert alerts.receivers["phone"].taken == []
    write(world, "elk has ended")
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["elk has ended"]


def test_without_channels_nothing_is_written(world: World):
    alerts = SimAlerts(world)
    write(world, "fox has ended")
    before = world.store.last_change
    alerts.job.step()
    assert world.store.last_change == before and outbox.cursor(world.store) is None


def test_a_channel_is_told_only_what_it_is_to_be_told(world: World):
    alerts = SimAlerts(world, phone="fine", desk="fine")
    phone = AlertChannel(ChannelKind.WEBHOOK, on=("ended", alarms.MISSING))
    alerts.channels = {**alerts.channels, "phone": phone}
    write(world, "fox has ended")
    write(world, "fox: run r1 has ended with status 0", kind="run_ended")
    with world.store.transaction():
        Transaction(world.engine.ctx, world.clock.now()).run(
            [RaiseAlarm.with_hint(kind, "a1", f"fox is {kind}") for kind in (alarms.MISSING, alarms.INTERRUPTED)]
        )
    alerts.run_for(120)
    assert alerts.receivers["phone"].texts == ["fox has ended", "fox is missing"]
    assert len(alerts.receivers["desk"].texts) == 4


def test_one_that_is_refused_is_given_up_aloud_and_the_next_are_tried(world: World):
    alerts = SimAlerts(world, phone="refuses", desk="fine")
    write(world, "fox has ended", "elk has ended")
    alerts.run_for(240)
    assert given_up(world) == ["an alert is given up that the channel phone has not taken: it refuses it (status 404)"]
    assert active(world) == [(alarms.ALERT_UNDELIVERED, "phone")]
    assert any("do not arrive over the channel phone" in text for text in alerts.receivers["desk"].texts)
    alerts.receivers["phone"].mode = "fine"
    alerts.run_for(200)
    assert alerts.receivers["phone"].texts == ["elk has ended"] and active(world) == []


def test_a_receiver_that_is_gone_for_days_is_given_up_with_all_that_waits(world: World):
    alerts = SimAlerts(world, phone="down")
    write(world, "fox has ended", "elk has ended", "owl has ended")
    alerts.jump_for(2 * 3600)
    assert active(world) == [(alarms.ALERT_UNDELIVERED, "phone")] and given_up(world) == []
    alerts.jump_for(4 * DAY_S, step_s=600)
    assert given_up(world) == ["3 alerts are given up that the channel phone has not taken: it cannot be reached"]
    assert alerts.receivers["phone"].tries == MOST_TRIES
    assert outbox.counts_of(world.store, "phone").waiting == 0


def test_more_than_a_channel_can_hold_gives_up_the_oldest(world: World):
    alerts = SimAlerts(world, phone="down")
    write(world, *(f"number {number} has ended" for number in range(MOST_WAITING + 5)))
    alerts.job.step()
    counts = outbox.counts_of(world.store, "phone")
    assert counts.waiting == MOST_WAITING
    first = outbox.next_of(world.store, "phone")
    assert first is not None and first.event.text == "number 5 has ended"
    assert given_up(world) == ["5 alerts are given up that the channel phone has not taken: too many wait"]


@pytest.mark.parametrize("is_removed", [True, False])
def test_what_waits_for_a_channel_that_is_removed_or_switched_off_is_given_up(world: World, is_removed: bool):
    alerts = SimAlerts(world, phone="down")
    write(world, "fox has ended")
    alerts.run_for(60)
    off = {name: replace(channel, enabled=False) for name, channel in alerts.channels.items()}
    alerts.channels = {} if is_removed else off
    alerts.run_for(80)
    write(world, "nothing", kind="prepared")
    alerts.run_for(60)
    assert len(given_up(world)) == 1 and outbox.waiting_channels(world.store) == []


def test_settings_that_are_cut_while_they_are_saved_lose_nothing(world: World):
    """For forty seconds there is no channel: what waits is kept, and what happens meanwhile is told afterwards."""
    alerts = SimAlerts(world, phone="down")
    before = alerts.channels
    write(world, "one")
    alerts.run_for(20)
    alerts.channels = {}
    alerts.run_for(20)
    write(world, "two")
    alerts.run_for(20)
    alerts.channels, alerts.receivers["phone"].mode = before, "fine"
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["one", "two"] and given_up(world) == []


def test_a_restart_while_the_settings_are_cut_keeps_what_waits(world: World):
    alerts = SimAlerts(world, phone="down")
    before = alerts.channels
    write(world, "one")
    alerts.run_for(20)
    alerts.channels = {}
    alerts.start()
    alerts.run_for(20)
    alerts.channels, alerts.receivers["phone"].mode = before, "fine"
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["one"] and given_up(world) == []


def test_settings_that_stay_unreadable_are_an_alarm_that_other_channels_tell(world: World):
    alerts = SimAlerts(world, phone="fine")
    alerts.problem = "config.toml is not valid TOML"
    alerts.run_for(20)
    alerts.problem = ""
    alerts.run_for(100)
    assert active(world) == []
    alerts.problem = "config.toml is not valid TOML"
    alerts.run_for(80)
    assert active(world) == [(alarms.SETTINGS_UNREADABLE, "config.toml")]
    alerts.run_for(20)
    assert any("the settings cannot be read; those of before hold" in text for text in alerts.receivers["phone"].texts)
    alerts.problem = ""
    alerts.run_for(20)
    assert active(world) == []


def test_a_bug_in_a_channel_is_a_try_that_failed(world: World):
    alerts = SimAlerts(world, phone="fine")
    alerts.has_bug = True
    write(world, "fox has ended")
    alerts.run_for(40)
    assert outbox.counts_of(world.store, "phone").problem == "it could not be sent (ZeroDivisionError)"
    alerts.has_bug = False
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["fox has ended"]


def test_an_alert_that_is_undelivered_is_not_told_to_its_own_channel(world: World):
    alerts = SimAlerts(world, phone="down")
    write(world, "fox has ended")
    alerts.jump_for(2 * 3600)
    assert active(world) == [(alarms.ALERT_UNDELIVERED, "phone")]
    assert outbox.counts_of(world.store, "phone").waiting == 1


class FullDisk:
    """The store of a world whose disk is full for a while: nothing can be committed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self.is_full:
            raise DiskFull("no space")
        with self._store.transaction():
            yield


def test_what_cannot_be_noted_on_a_full_disk_is_not_sent_again_and_again(world: World):
    alerts = SimAlerts(world, phone="fine")
    write(world, "fox has ended", "elk has ended")
    alerts.job.step()
    disk = FullDisk(world.store)
    alerts.job.ctx = replace(world.engine.ctx, store=disk)  # type: ignore[arg-type]
    disk.is_full = True
    for _ in range(5):
        world.clock.t += us(2)
        with pytest.raises(DiskFull):
            alerts.job.step()
    assert alerts.receivers["phone"].tries == 1
    disk.is_full = False
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["fox has ended", "elk has ended"]
    assert alerts.receivers["phone"].repeated == 0


def test_what_cannot_be_taken_in_on_a_full_disk_is_taken_in_later_though_nothing_else_happens(world: World):
    alerts = SimAlerts(world, phone="fine")
    alerts.job.step()
    disk = FullDisk(world.store)
    alerts.job.ctx = replace(world.engine.ctx, store=disk)  # type: ignore[arg-type]
    write(world, "fox has ended")
    disk.is_full = True
    with pytest.raises(DiskFull):
        alerts.job.step()
    disk.is_full = False
    alerts.job.step()
    assert outbox.waiting_channels(world.store) == ["phone"]


def test_what_happens_first_after_the_first_channel_was_added_is_told(world: World):
    """A daemon at rest changes no row: the channel alone must be noticed."""
    alerts = SimAlerts(world)
    alerts.receivers["phone"] = SimReceiver()
    alerts.channels = {"phone": AlertChannel(ChannelKind.WEBHOOK)}
    alerts.job.step()
    write(world, "fox has ended")
    alerts.run_for(60)
    assert alerts.receivers["phone"].texts == ["fox has ended"]


def test_a_run_that_ends_is_told_once_also_after_a_restart(tmp_path: Path):
    world = World(tmp_path, policy=REAL).start().ready()
    ref = world.provision(hours=2, name="fox")
    assert world.running(ref) and world.remote is not None
    alerts = SimAlerts(world, phone="fine")
    world.run_for(60)
    (guard,) = world.remote.guards.values()
    assert guard.agent is not None
    guard.agent.runs = (RunSeen("r1", "0", 5), RunSeen("r2", "running", 5))
    alerts.run_for(120)
    world.restart()
    alerts.start()
    guard.agent.runs = (RunSeen("r1", "0", 90), RunSeen("r2", "lost", 5))
    alerts.run_for(120)
    assert alerts.receivers["phone"].texts == [
        "fox: run r1 has ended with status 0", "fox: run r2 was lost: its process is gone",
    ]  # fmt: skip
    world.kill()


def test_a_budget_is_told_at_four_fifths_and_when_it_is_used_up(world: World):
    alerts = SimAlerts(world, phone="fine", ends="fine")
    on = {"phone": ("budgets",), "ends": ("ended",)}
    alerts.channels = {name: AlertChannel(ChannelKind.WEBHOOK, on=on[name]) for name in on}
    ref = world.provision(hours=2, name="fox")
    assert world.running(ref)
    hourly = world.view(ref).attempts[-1].rate
    with world.store.transaction():
        for name, amount in (("wide", hourly * 24 // 10), ("small", hourly)):
            save_budget(world.store, Budget(name, ScopeKind.ALL, "", None, amount, None))
    alerts.run_for(2 * 3600 + 600)
    told = [text for text in alerts.receivers["phone"].texts if "is spent" in text]
    assert len(told) == 2 and told[0].startswith("budget small is used up"), told
    assert told[1].startswith("budget wide: ") and " %)" in told[1]
    assert len(alerts.receivers["ends"].texts) == 1
