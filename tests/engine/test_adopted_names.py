"""Whatever an instance is called at its provider, it is adopted under a name that may be given and is unique."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.model.actions import AdoptOrphan
from gpushopper.core.model.session_names import session_name_problem
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.deadline import Deadline
from gpushopper.engine import orphan_adoption
from gpushopper.store import sessions
from gpushopper.store.consumers import ensure_consumer, rename_consumer
from tests.core.samples import row
from tests.sim.world import World


@pytest.mark.parametrize("instance", ["33400001", "I-0Aß/../x", "pod_" + "x" * 300, "", "--", "東京"])
def test_an_adoption_never_fails_for_its_name(world: World, instance: str):
    now = world.engine.ctx.clock.now()
    deadline = Deadline.at(now.wall + us(3600), now)
    names = []
    for number in (1, 2, 3):
        found = replace(row(number), instance_id=instance)
        action = AdoptOrphan("vast", "acc", found, found.owner(), deadline)
        session, _, _ = orphan_adoption.adopt(world.engine.ctx, action, now)
        with world.store.transaction():
            sessions.insert_session(world.store, session)
        names.append(session.name)
    assert [session_name_problem(name) for name in names] == ["", "", ""]
    assert len(set(names)) == 3 and all(name.startswith("adopted") for name in names)


def test_an_adopted_session_is_charged_to_the_user_by_the_name_that_they_have_now(world: World):
    """Under the former name it would pass by the budget that followed the consumer (I13)."""
    ctx = world.engine.ctx
    with world.store.transaction():
        ensure_consumer(world.store, ctx.consumer, 0)
        rename_consumer(world.store, ctx.consumer, "lena", 0)
    now, found = ctx.clock.now(), row(1)
    action = AdoptOrphan("vast", "acc", found, found.owner(), Deadline.at(now.wall + us(3600), now))
    assert orphan_adoption.adopt(ctx, action, now)[0].consumer == "lena"
