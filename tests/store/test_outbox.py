"""Alerts on their way: one row for each event and channel, oldest first, forgotten once they are long done."""

from __future__ import annotations

import pytest

from gpushopper.store import events
from gpushopper.store.database import Store
from gpushopper.store.outbox import alerts
from tests.store.samples import NOW


@pytest.fixture
def event(store: Store) -> int:
    with store.transaction():
        return events.append(store, at=NOW, kind="ended", text="fox has ended", data={"reason": "user"})


def waiting(store: Store, channel: str) -> alerts.WaitingAlert:
    found = alerts.next_of(store, channel)
    assert found is not None
    return found


def test_an_event_is_one_row_for_each_channel_however_often_it_is_added(store: Store, event: int):
    with store.transaction():
        alerts.add(store, event, ["phone", "desk"])
        alerts.add(store, event, ["phone"])
    assert alerts.waiting_channels(store) == ["desk", "phone"]
    assert len(alerts.waiting_of(store, "phone")) == 1
    assert waiting(store, "phone").event.data == {"reason": "user"}


def test_one_that_was_taken_is_taken_for_good(store: Store, event: int):
    with store.transaction():
        alerts.add(store, event, ["phone"])
        row = waiting(store, "phone").id
        alerts.tried(store, row, 1, "no answer")
        assert alerts.counts_of(store, "phone") == alerts.ChannelCounts(1, "no answer", None)
        alerts.delivered(store, row, 2, NOW + 5)
        alerts.tried(store, row, 3, "late")
        assert alerts.give_up(store, [row], NOW + 6, "late") == 0
    assert alerts.next_of(store, "phone") is None
    assert alerts.counts_of(store, "phone") == alerts.ChannelCounts(0, "", NOW + 5)


def test_one_that_was_given_up_and_arrived_all_the_same_is_taken(store: Store, event: int):
    with store.transaction():
        alerts.add(store, event, ["phone"])
        row = waiting(store, "phone").id
        assert alerts.give_up(store, [row], NOW, "too many wait") == 1
        alerts.delivered(store, row, 1, NOW + 1)
    assert alerts.counts_of(store, "phone").delivered_at == NOW + 1


def test_what_is_long_done_is_forgotten_and_what_waits_is_not(store: Store, event: int):
    with store.transaction():
        alerts.add(store, event, ["phone", "desk"])
        alerts.delivered(store, waiting(store, "phone").id, 1, NOW)
        assert alerts.prune(store, NOW) == 0 and alerts.prune(store, NOW + 1) == 1
    assert alerts.waiting_channels(store) == ["desk"]


def test_the_cursor_is_none_until_it_is_set_and_again_when_it_is_taken_away(store: Store):
    assert alerts.cursor(store) is None
    for set_to in (0, 7, None):
        with store.transaction():
            alerts.set_cursor(store, set_to)
        assert alerts.cursor(store) == set_to
