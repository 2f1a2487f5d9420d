"""Keys of another account, a lost database, a copied home (F45, F50, F80, F101, S10)."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from gpushopper import wire
from gpushopper.core.model.label import Label, make_label, parse_label
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import Refused
from gpushopper.sandbox.market.actions import relabel
from tests.sim.oracle import audit
from tests.sim.story import Story
from tests.sim.test_failed_lists import rows

HOUR_S = 3600


def with_running(story: Story, count: int) -> list[str]:
    """So many sessions in use."""
    story.start().ready()
    names = [f"s{number}" for number in range(count)]
    for name in names:
        story.provision(name, hours=11)
        assert story.until_running(name)
    story.run_for(60)
    return names


@pytest.mark.parametrize("count", [1, 4])
def test_the_key_of_another_account_changes_nothing(count: int) -> None:
    """Every list is then complete, authentic and empty (F45)."""
    with Story() as story:
        names = with_running(story, count)
        before = rows(story)
        good, story.world.key = story.world.key, story.world.market.keys_of("vast")[1]
        story.kill(down_s=60)
        story.run_for(HOUR_S)
        after = rows(story)
        assert after["sessions"] == before["sessions"]
        assert {"wrong_account"} <= story.world.alarms()
        assert not story.world.engine.is_ready()
        assert [a["id"] for a in story.world.our_instances()] == [str(i.id) for n in names for i in story.instances(n)]
        assert story.world.market.destroys == []
        story.world.key = good
        story.kill(down_s=60)
        story.run_for(900)
        assert not story.world.alarms() & {"wrong_account", "degraded", "mass_disappearance", "missing"}
        story.finish()
        assert audit(story, must_run=tuple(names)) == []


def test_a_wrong_key_closes_nothing_that_is_ending() -> None:
    """An end requested under the wrong key is not proven by that account's empty lists (F45, I5)."""
    with Story() as story:
        with_running(story, 2)
        good, story.world.key = story.world.key, story.world.market.keys_of("vast")[1]
        story.kill(down_s=60)
        story.end("s0")
        story.run_for(2 * HOUR_S)
        assert story.status("s0") == "stopping"
        story.world.key = good
        story.kill(down_s=60)
        story.finish()
        assert audit(story, must_run=("s1",)) == []


def test_a_lost_database_is_adopted_with_a_deadline_and_an_alarm() -> None:
    """The side file still knows the installation: nothing is killed at sight, all of it ends (F50)."""
    with Story() as story:
        names = with_running(story, 3)
        story.world.kill()
        for path in story.world.home.data.glob("gpu-shopper.db*"):
            path.unlink()
        story.reset_event_cursor()
        story.start()
        story.run_for(120)
        assert "adopted" in story.world.alarms()
        found = story.world.requests.sessions().sessions
        assert len(found) == 3
        assert {s.status for s in found} == {"running"}
        for session in found:
            assert session.deadline_at is not None
            assert us(900) <= session.deadline_at - story.now <= us(HOUR_S)
        assert story.world.market.destroys == []
        # Its user may keep one; the others end at the deadline they were given.
        kept = found[0].id
        kept_id = found[0].attempts[-1].instance_id
        story.run_for(1800)
        story.world.requests.extend(kept, wire.ExtendRequest(add_us=us(4 * HOUR_S)))
        story.run_for(2 * HOUR_S)
        assert [row["id"] for row in story.world.our_instances()] == [kept_id]
        story.world.requests.end([kept])
        for name in names:
            story.expected[name].ended_at = story.now - us(5 * HOUR_S)
        story.run_for(600)
        story.expected.clear()
        assert story.world.our_instances() == []


@pytest.mark.parametrize(
    ("form", "lives_s", "reason"),
    [
        ("gs1", HOUR_S, "deadline"),
        ("gs2, far", HOUR_S, "deadline"),
        ("gs2, soon", 1800, "hard_maximum"),
        ("gs2, past", 0, "hard_maximum"),
    ],
)
def test_an_adopted_instance_lives_no_longer_than_its_label_says(form: str, lives_s: int, reason: str) -> None:
    """The hard maximum of a label bounds what an orphan gets and what its user may add; gs1 names none (F50, I9)."""
    with Story() as story:
        with_running(story, 1)
        hour = story.now // HOUR * HOUR + HOUR
        story.run_for((hour + us(1800) - story.now) / us(1))
        (ours,) = story.instances("s0")
        owner = (story.world.engine.ctx.installation.id, parse_label(ours.label).attempt)  # type: ignore[union-attr]
        hours = {"gs2, far": 24, "gs2, soon": 1, "gs2, past": 0}
        label = make_label(*owner, hour + hours[form] * HOUR) if form in hours else Label(1, *owner).text
        story.world.kill()
        for path in story.world.home.data.glob("gpu-shopper.db*"):
            path.unlink()
        relabel(story.world.market, ours, label)
        ours.spec = replace(ours.spec, env=(("GS_LABEL", label),))
        story.expected.clear()
        story.reset_event_cursor()
        story.start()
        story.run_for(300)
        (session,) = story.world.requests.sessions().sessions
        (attempt,) = session.attempts
        assert (attempt.label, "adopted" in story.world.alarms()) == (label, True)
        if form == "gs2, soon":
            with pytest.raises(Refused, match="hard maximum"):
                story.world.requests.extend(session.id, wire.ExtendRequest(add_us=us(1800)))
        story.run_for(2 * HOUR_S)
        assert ours.ended_at is not None and 0 <= ours.ended_at - hour - us(1800 + lives_s) <= us(300)
        assert [r["reason"] for r in story.receipts()] == [reason]


def test_a_database_from_before_a_create_adopts_what_it_does_not_know() -> None:
    """A restored copy: sessions requested since then are adopted, those it knows go on (F50)."""
    with Story() as story:
        with_running(story, 1)
        copy = story.world.home.data / "copy"
        story.world.kill()
        shutil.copy(story.world.home.database, copy)
        story.start()
        story.provision("late", hours=11)
        assert story.until_running("late")
        story.world.kill()
        for path in story.world.home.data.glob("gpu-shopper.db*"):
            path.unlink()
        shutil.move(copy, story.world.home.database)
        story.reset_event_cursor()
        story.start()
        story.run_for(300)
        assert "adopted" in story.world.alarms()
        assert story.status("s0") == "running"
        assert story.world.market.destroys == []
        story.run_for(2 * HOUR_S)
        # The adopted one got an hour, with an alarm; the known one is untouched.
        assert [i.exists for name in ("s0", "late") for i in story.instances(name)] == [True, False]


@pytest.mark.parametrize("how", ["another computer", "another folder"])
def test_a_copied_home_neither_creates_nor_adopts_nor_destroys_duplicates(how: str) -> None:
    """Ends that its user asks for still go (S10)."""
    with Story() as story:
        with_running(story, 2)
        story.world.kill()
        side = json.loads(story.world.home.installation_file.read_text(encoding="utf-8"))
        side["machine_id" if how == "another computer" else "device_inode"] = "1:2"
        story.world.home.installation_file.write_text(json.dumps(side), encoding="utf-8")
        story.start()
        story.run_for(300)
        installation = side["installation"]
        spec = story.instances("s0")[0].spec
        account = story.instances("s0")[0].account_id
        # The other copy's new attempt, and a second instance under a label both know.
        label = make_label(installation, "c" * 16, story.now + HOUR_S * 1_000_000)
        others = replace(spec, label=label, env=(("GS_LABEL", label),), disk_gb=99.0, foreign=True)
        orphan = story.world.market.create_instance(account, others, story.now)
        creates = len(story.world.market.creates)
        story.run_for(2 * HOUR_S)
        assert len(story.world.requests.sessions().sessions) == 2
        with pytest.raises(Refused) as refusal:
            story.provision("no")
        assert refusal.value.code == "home_copied"
        story.expected.pop("no")
        assert len(story.world.market.creates) == creates
        assert story.world.market.destroys == []
        story.end("s0")
        assert story.until_ended()
        assert orphan.exists
        story.finish()
        assert audit(story, must_run=("s1",)) == []


def test_a_revoked_key_ends_nothing_by_itself_and_everything_later() -> None:
    """Ends wait for a working key, and say so; 404 for a bad key is no proof (F32, F80)."""
    with Story() as story:
        with_running(story, 2)
        story.world.fault("account", "revoke")
        story.end("s0")
        story.run_for(2 * HOUR_S)
        assert story.status("s0") == "stopping"
        assert {"key_rejected", "manual_destroy_needed"} <= story.world.alarms()
        assert story.instances("s0")[0].exists
        story.clear_faults()
        story.run_for(900)
        assert story.status("s0") == "stopped"
        assert not story.world.alarms() & {"key_rejected", "degraded", "manual_destroy_needed"}
        story.finish()
        assert audit(story, must_run=("s1",)) == []
