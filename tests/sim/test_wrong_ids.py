"""A create answered with a wrong id: that instance is never touched, and ours is found by its label.

Whose id it is and when it was first listed make no difference (I3, I28, F12).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core import alarms
from gpushopper.core.model.attempt import State
from gpushopper.core.model.label import HARD_MAX_FROM, HARD_MAX_UNTIL, Label, make_label
from gpushopper.core.policy import REAL
from gpushopper.engine.account.calls.in_flight import InFlightCall
from gpushopper.providers.base import InstanceFound
from gpushopper.sandbox.market.actions import destroy, relabel
from gpushopper.sandbox.market.model import Instance, InstanceSpec
from gpushopper.store import sessions
from tests.sim.oracle import audit
from tests.sim.story import Story

FOREIGN_IDS = ("listed", "labelled", "unlabelled")


def crossed(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """Every pair; quick are those with the first of either, which have every value: the rest are proofs."""
    return [
        pytest.param(a, b, marks=[pytest.mark.proofs] if i and j else [])
        for i, a in enumerate(first)
        for j, b in enumerate(second)
    ]


def destroyed(story: Story) -> set[str]:
    return {seen.cloud_id for seen in story.world.market.destroys}


def held(story: Story, name: str) -> str | None:
    """The id that the session's newest attempt holds."""
    return sessions.attempts_of(story.world.store, story.expected[name].session)[-1].instance_id


def foreign_instances(story: Story) -> set[str]:
    return {i.cloud_id for i in story.world.market.instances.values() if i.spec.foreign}


def raised(story: Story) -> set[str]:
    return story.world.alarms()


@pytest.mark.parametrize(("whose", "label"), crossed(FOREIGN_IDS, ["somebodys", None, ""]))
def test_a_foreign_id_is_not_adopted(whose: str, label: str | None) -> None:
    with Story() as story:
        story.world.launch_foreign(label)
        story.start().ready()
        story.world.fault("create", "stranger_id", whose, count=1)
        story.provision("a")
        assert story.until_running("a")
        (ours,) = story.instances("a")
        assert held(story, "a") == str(ours.id)
        assert alarms.WRONG_INSTANCE_ID in raised(story)
        story.run_for(3600)
        assert destroyed(story) == set(), "neither ours nor a foreign one"
        story.end("a")
        story.finish()
        assert destroyed(story) == {ours.cloud_id}
        assert audit(story) == []


@pytest.mark.parametrize("whose", ["labelled", "unlabelled"])
def test_nothing_is_stored_of_the_foreign_instances_host(whose: str) -> None:
    """With logins: its address, its host key and our key on it would belong to a foreign instance."""
    with Story(policy=REAL) as story:
        story.start().ready()
        story.world.fault("create", "stranger_id", whose, count=1)
        story.provision("a")
        assert story.until_running("a")
        (ours,) = story.instances("a")
        assert held(story, "a") == str(ours.id)
        assert story.world.remote is not None
        assert story.world.remote.forgotten == [_owner(story, "a")[1]]
        assert all(not i.ssh_keys for i in story.world.market.instances.values() if i.spec.foreign)
        story.end("a")
        story.finish()
        assert audit(story) == []


@pytest.mark.parametrize("whose", FOREIGN_IDS)
def test_an_end_requested_at_once_does_not_reach_the_foreign_instance(whose: str) -> None:
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "stranger_id", whose, count=1)
        story.provision("a")
        assert story.until(lambda: bool(story.world.market.creates), 60)
        story.end("a")
        story.finish()
        assert not destroyed(story) & foreign_instances(story)
        assert audit(story) == []


@pytest.mark.parametrize("whose", ["listed", "labelled"])
def test_a_create_that_made_nothing_and_named_a_foreign_id_fails_over(whose: str) -> None:
    """The create made nothing at all and named a foreign one: absence closes it, and the next offer is taken."""
    with Story() as story:
        story.world.launch_foreign()
        story.start().ready()
        story.world.fault("create", "stranger_id", whose, count=1)
        story.provision("a")
        assert story.until(lambda: bool(story.world.market.creates), 60)
        destroy(story.world.market, story.instances("a")[0], "operator")
        assert story.until_running("a")
        assert len(story.world.market.creates) == 2
        story.end("a")
        story.finish()
        assert not destroyed(story) & foreign_instances(story)


def test_the_id_of_another_session_of_ours_is_not_taken() -> None:
    with Story() as story:
        story.start().ready()
        story.provision("a", hours=11)
        assert story.until_running("a")
        story.world.fault("create", "stranger_id", "sibling", count=1)
        story.provision("b")
        assert story.until_running("b")
        ids = {name: held(story, name) for name in ("a", "b")}
        assert ids == {name: str(story.instances(name)[0].id) for name in ("a", "b")}
        assert alarms.WRONG_INSTANCE_ID in raised(story)
        story.run_for(3600)
        assert destroyed(story) == set()
        assert story.instances("a")[0].label == _label(story, "a")
        story.end("b")
        story.finish()
        assert destroyed(story) == {story.instances("b")[0].cloud_id}
        assert audit(story, must_run=("a",)) == []


def _owner(story: Story, name: str) -> tuple[str, str]:
    (attempt,) = sessions.attempts_of(story.world.store, story.expected[name].session)
    return story.world.engine.ctx.installation.id, attempt.id


def _label(story: Story, name: str) -> str:
    """What the session's only create sent."""
    (attempt,) = sessions.attempts_of(story.world.store, story.expected[name].session)
    assert attempt.label == make_label(*_owner(story, name), attempt.hard_max_at)
    return attempt.label


@pytest.mark.parametrize("whose", FOREIGN_IDS)
@pytest.mark.parametrize("number", [14, 20, *(pytest.param(n, marks=pytest.mark.proofs) for n in (17, 23))])
def test_a_crash_around_a_wrong_id_harms_nothing(whose: str, number: int) -> None:
    """kill -9 at commits, sends and replies around such a create changes nothing in the end."""
    with Story(crash_at=(number,)) as story:
        story.world.launch_foreign("somebodys")
        story.world.fault("create", "stranger_id", whose, count=1)
        story.start().ready()
        story.provision("a")
        story.until_running("a")
        story.end("a")
        story.until_ended()
        story.finish()
        assert not destroyed(story) & foreign_instances(story)
        assert audit(story) == []


def test_a_late_answer_with_a_foreign_id_changes_nothing() -> None:
    """Ours was found by its label before the answer came: the answer changes nothing."""
    with Story() as story:
        foreign = story.world.launch_foreign(None)
        story.start().ready()
        story.world.fault("create", "stranger_id", "listed", count=1)
        story.world.fault("create", "slow", "90s", count=1)
        story.provision("a")
        assert story.until_running("a")
        story.run_for(3600)
        assert destroyed(story) == set()
        story.end("a")
        story.finish()
        assert foreign.cloud_id not in destroyed(story)
        assert audit(story) == []


def test_of_two_instances_of_one_create_the_one_that_shows_its_label_late_is_ended() -> None:
    """The answered one shows no label at first: the other is adopted, and this one is then a duplicate."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "dup", count=1)
        story.provision("a")
        assert story.until(lambda: len(story.instances("a")) == 2, 60)
        answered, other = story.instances("a")
        label, spec = answered.label, answered.spec
        relabel(story.world.market, answered, None)
        answered.spec = _without_variable(answered)
        assert story.until(lambda: held(story, "a") == str(other.id), 120)
        relabel(story.world.market, answered, label)
        answered.spec = spec
        story.run_for(1800)
        assert destroyed(story) == {answered.cloud_id}
        assert story.status("a") == "running"
        story.end("a")
        story.finish()
        assert audit(story) == []


def test_an_answered_id_that_is_never_shown_is_replaced_by_the_instance_with_the_label() -> None:
    """Ours would bill for the whole boot limit beside a session that waits, and then be destroyed as a duplicate."""
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "dup", count=1)
        story.provision("a")
        assert story.until(lambda: len(story.instances("a")) == 2, 60)
        answered, other = story.instances("a")
        destroy(story.world.market, answered, "operator")
        assert story.until(lambda: story.status("a") == "running", 300)
        assert held(story, "a") == str(other.id)
        assert alarms.WRONG_INSTANCE_ID in raised(story) and alarms.MISSING not in raised(story)
        story.run_for(1800)
        assert destroyed(story) == set()
        story.end("a")
        story.finish()
        assert destroyed(story) == {other.cloud_id}
        assert audit(story) == []


def test_a_read_of_an_id_that_was_disowned_meanwhile_changes_nothing() -> None:
    with Story() as story:
        foreign = story.world.launch_foreign("somebodys")
        story.start().ready()
        story.provision("a")
        assert story.until_running("a")
        reconciler, now = story.world.engine.reconcilers["vast"], story.world.clock.now()
        assert reconciler.client is not None
        (before,) = reconciler.open_attempts()
        answer = reconciler.client.fetch_instance(str(foreign.id), 30)
        assert isinstance(answer, InstanceFound)
        reconciler.observed.pending_reads = {str(foreign.id): before.id}
        reconciler.reads.on_result(str(foreign.id), answer, InFlightCall(30, now.boot), now)
        assert reconciler.open_attempts() == [before]
        story.end("a")
        story.finish()
        assert audit(story) == []


# ---- labels that people change in the console


EDITS: list[Callable[[Story, Instance], str]] = [
    lambda story, ours: "my training",
    lambda story, ours: "",
    lambda story, ours: make_label("b" * 10, "a" * 16, HARD_MAX_FROM),
    lambda story, ours: make_label(story.world.engine.ctx.installation.id, "a" * 16, HARD_MAX_UNTIL),
]
FORMS: list[Callable[[Story], str]] = [
    lambda story: make_label(*_owner(story, "a"), HARD_MAX_FROM),
    lambda story: make_label(*_owner(story, "a"), HARD_MAX_UNTIL),
    lambda story: Label(1, *_owner(story, "a")).text,
]
"""The session's own label with another hard maximum, or as older releases wrote it."""


@pytest.mark.parametrize(("when", "edit"), crossed(["running", "booting"], EDITS))
def test_an_instance_whose_label_its_user_edits_stays_ours(edit: Callable[[Story, Instance], str], when: str) -> None:
    """By its recorded id (I3): it is neither lost nor destroyed before its end, and ended at its end."""
    with Story(boot_seconds=120) as story:
        story.start().ready()
        story.provision("a")
        if when == "running":
            assert story.until_running("a")
        else:
            assert story.until(lambda: story.status("a") == "provisioning", 60)
            story.run_for(10)
        (ours,) = story.instances("a")
        relabel(story.world.market, ours, edit(story, ours))
        ours.spec = _without_variable(ours)
        story.run_for(3600)
        assert story.status("a") == "running"
        assert held(story, "a") == str(ours.id)
        assert destroyed(story) == set()
        story.end("a")
        story.finish()
        assert destroyed(story) == {ours.cloud_id}
        assert audit(story) == []


@pytest.mark.parametrize(("when", "form"), crossed(["running", "booting"], FORMS))
def test_an_edited_hard_maximum_changes_nothing_and_is_written_again(form: Callable[[Story], str], when: str) -> None:
    """The record counts: it ends neither at the edited hour nor past its deadline, and other readers are not misled."""
    with Story(boot_seconds=120) as story:
        story.start().ready()
        story.provision("a")
        assert story.until(lambda: story.status("a") == ("provisioning" if when == "booting" else "running"), 7200)
        story.run_for(10)
        (ours,) = story.instances("a")
        relabel(story.world.market, ours, form(story))
        ours.spec = _without_variable(ours)
        story.run_for(3600)
        assert (story.status("a"), held(story, "a")) == ("running", str(ours.id))
        assert ours.label == _label(story, "a")
        assert destroyed(story) == set() and not raised(story)
        assert [(r.kind, r.note) for r in story.world.requests.audit().rows] == [("ours", "")]
        story.finish()
        assert destroyed(story) == {ours.cloud_id}
        assert audit(story) == []


@pytest.mark.parametrize("form", FORMS, ids=["past", "far", "gs1"])
def test_an_uncertain_create_is_found_by_a_label_with_another_hard_maximum(form: Callable[[Story], str]) -> None:
    with Story(boot_seconds=120) as story:
        story.start().ready()
        story.world.fault("create", "commit_then_hang", count=1)
        story.provision("a")
        assert story.until(lambda: bool(story.instances("a")), 600)
        (ours,) = story.instances("a")
        ours.spec = _without_variable(ours)
        relabel(story.world.market, ours, form(story))
        assert story.until_running("a")
        assert (held(story, "a"), ours.label) == (str(ours.id), _label(story, "a"))
        assert len(story.world.market.creates) == 1
        story.end("a")
        story.finish()
        assert destroyed(story) == {ours.cloud_id}


def _without_variable(instance: Instance) -> InstanceSpec:
    return replace(instance.spec, env=())


@pytest.mark.parametrize("restart", [False, True])
def test_a_foreign_instance_that_gets_our_label_is_not_destroyed(restart: bool) -> None:
    """One of our labels is copied to an instance that was listed as foreign: an alarm, and a person decides."""
    with Story() as story:
        foreign = story.world.launch_foreign("theirs")
        story.start().ready()
        story.provision("a")
        assert story.until_running("a")
        if restart:
            story.kill(5)
        relabel(story.world.market, foreign, story.instances("a")[0].label)
        story.run_for(2 * 3600 - 600)
        assert alarms.WRONG_INSTANCE_ID in raised(story)
        story.end("a")
        story.finish()
        assert foreign.cloud_id not in destroyed(story)
        assert audit(story) == []


@pytest.mark.parametrize("whose", ["unlabelled", "labelled"])
def test_an_id_without_our_label_is_not_destroyed_while_lists_may_lag(whose: str) -> None:
    """I28: its price is not the agreed one, for it is somebody else's; ours is listed two minutes later."""
    with Story() as story:
        story.start().ready()
        story.world.fault("list", "lag", "2m", duration="1h")
        story.world.fault("create", "stranger_id", whose, count=1)
        story.provision("a")
        assert story.until_running("a")
        (ours,) = story.instances("a")
        story.run_for(1800)
        story.end("a")
        story.finish()
        assert destroyed(story) == {ours.cloud_id}
        assert audit(story) == []


def test_an_id_without_any_label_stands_and_alarms_after_ten_minutes() -> None:
    with Story() as story:
        story.start().ready()
        story.world.fault("create", "label_drop", count=1)
        story.world.fault("create", "env_drop", count=1)
        story.provision("a")
        assert story.until_running("a")
        (ours,) = story.instances("a")
        assert held(story, "a") == str(ours.id)
        assert alarms.UNLABELLED not in raised(story)
        story.run_for(900)
        assert alarms.UNLABELLED in raised(story)
        relabel(story.world.market, ours, _label(story, "a"))
        story.run_for(600)
        assert alarms.UNLABELLED not in raised(story)
        story.end("a")
        story.finish()
        assert destroyed(story) == {ours.cloud_id}
        assert audit(story) == []


@pytest.mark.parametrize("lost", ["label_drop", "env_drop", "label_cut"])
def test_one_label_carrier_is_enough(lost: str) -> None:
    with Story() as story:
        story.start().ready()
        story.world.fault("create", lost, "20" if lost == "label_cut" else None, count=1)
        story.provision("a")
        assert story.until_running("a")
        story.run_for(1800)
        assert not raised(story) & {alarms.UNLABELLED, alarms.WRONG_INSTANCE_ID}
        (attempt,) = sessions.attempts_of(story.world.store, story.expected["a"].session)
        assert attempt.state is State.RUNNING
