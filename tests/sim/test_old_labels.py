"""Sessions of a release that wrote labels of version 1 go on, are found, and end as if nothing had changed (D3, I7)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper.core.model.label import Label, parse_label
from gpushopper.sandbox.market.actions import relabel
from tests.sim.oracle import audit
from tests.sim.story import Story


def gs1(text: str | None) -> str:
    """The label that an older release would have written for the same attempt."""
    label = parse_label(text)
    assert label is not None and label.version == 2
    return Label(1, label.installation, label.attempt).text


def as_an_older_release_left_it(story: Story) -> None:
    """Give every record, instance and create the label of version 1 (triggers forbid it: they are taken away)."""
    _rewrite(story.world.home.database)
    market = story.world.market
    for instance in market.existing_instances():
        label = gs1(instance.label)
        relabel(market, instance, label)
        instance.spec = replace(instance.spec, label=label, env=(("GS_LABEL", label),))
    for create in market.creates:
        create.label = create.env_label = gs1(create.label)


def _rewrite(path: Path) -> None:
    with sqlite3.connect(path, isolation_level=None) as database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        for table in ("attempts", "known_instances"):
            for (label,) in database.execute(f"SELECT label FROM {table} WHERE label IS NOT NULL").fetchall():
                database.execute(f"UPDATE {table} SET label = ? WHERE label = ?", (gs1(label), label))
        for _, sql in triggers:
            database.execute(sql)
    database.close()


@pytest.mark.parametrize("create", ["answered", "uncertain"])
def test_sessions_with_labels_of_version_1_are_settled_and_ended_as_before(create: str) -> None:
    with Story(boot_seconds=120) as story:
        story.start().ready()
        story.provision("old", hours=3)
        assert story.until_running("old")
        if create == "uncertain":
            story.world.fault("create", "commit_then_hang", count=1)
        story.provision("late")
        assert story.until(lambda: bool(story.instances("late")), 600)
        ours = {name: story.instances(name)[0] for name in ("old", "late")}
        story.world.kill()
        as_an_older_release_left_it(story)
        story.start()
        assert story.until_running("late")
        assert [i.label for i in ours.values()] == [i.spec.label for i in ours.values()], "none is written again"
        assert [(r.kind, r.note) for r in story.world.requests.audit().rows] == [("ours", "")] * 2
        assert story.world.alarms() == set()
        story.end("late")
        story.run_for(3 * 3600)
        story.finish()
        assert {seen.cloud_id for seen in story.world.market.destroys} == {i.cloud_id for i in ours.values()}
        assert {receipt["label"] for receipt in story.receipts()} == {i.label for i in ours.values()}
        assert audit(story) == []


def test_a_failover_of_an_old_session_is_labelled_anew() -> None:
    """Its first attempt keeps the label it was sent with; the next one is of this release."""
    with Story(boot_seconds=120) as story:
        story.start().ready()
        story.world.fault("create", "stuck_loading", "created", count=1)
        story.provision("a")
        assert story.until(lambda: bool(story.instances("a")), 600)
        first = story.instances("a")[0]
        story.run_for(30)
        story.world.kill()
        as_an_older_release_left_it(story)
        story.start()
        assert story.until_running("a")
        assert not first.exists and (first.label or "").startswith("gs1-")
        (second,) = [i for i in story.world.market.existing_instances() if not i.spec.foreign]
        assert (second.label or "").startswith("gs2-")
        story.finish()
        assert audit(story) == []
