"""What was sent to which host is recorded before it is sent, by name and never with a value."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper import wire
from gpushopper.engine.requests.commands.records.record_sent import record_sent
from gpushopper.engine.requests.queries.records.custody import custody
from gpushopper.errors import NotFound, UsageError
from gpushopper.store import sessions
from tests.sim.world import World


def sent(world: World, session: str, **more: Any) -> int:
    (attempt, *_) = sessions.attempts_of(world.store, session)
    fields = {"attempt": attempt.id, "means": "cp", "target": "/root/data"} | more
    return record_sent(world.engine.handle, session, wire.SentRequest(**fields)).count


def test_a_session_shows_what_its_host_has(world: World):
    session = world.provision(name="night", environment={"HF_TOKEN": "hf_very_secret", "LR": "3e-4"})
    assert world.running(session)
    assert sent(world, session, files=["/srv/ann/data", "/srv/ann/.env"]) == 2
    assert sent(world, session, means="run", target="r1", variables=["WANDB_API_KEY"]) == 1
    found = custody(world.engine.ctx, "night", None)
    (row,) = found.hosts
    (attempt,) = sessions.attempts_of(world.store, session)
    assert (row.host, row.reached, row.instance_id) == (attempt.offer.host_id, "host", attempt.instance_id)
    assert row.variables == ["HF_TOKEN", "LR", "WANDB_API_KEY"]
    assert [(item.kind, item.means, item.name) for item in row.sent] == [
        ("file", "cp", "/srv/ann/data"), ("file", "cp", "/srv/ann/.env"), ("variable", "run", "WANDB_API_KEY"),
    ]  # fmt: skip
    assert found.rotate == ["HF_TOKEN", "WANDB_API_KEY", "/srv/ann/.env"]
    assert found.look_at == ["LR", "/srv/ann/data"]
    assert "hf_very_secret" not in repr(found)


def test_one_host_is_found_over_all_sessions(world: World):
    first, second = world.provision(name="a"), world.provision(name="b", gpu="H100 SXM")
    assert world.running(first) and world.running(second)
    (one,) = sessions.attempts_of(world.store, first)
    for host in (one.offer.host_id, f"vast:{one.offer.host_id}"):
        assert [row.name for row in custody(world.engine.ctx, None, host).hosts] == ["a"]
    assert custody(world.engine.ctx, None, f"tensordock:{one.offer.host_id}").hosts == []
    assert {row.name for row in custody(world.engine.ctx, None, None).hosts} == {"a", "b"}


def test_a_refused_create_was_seen_by_the_cloud_alone(world: World):
    world.fault("create", "reject", "no_such_ask", count=1)
    session = world.provision(environment={"HF_TOKEN": "x"})
    assert world.running(session)
    assert [row.reached for row in custody(world.engine.ctx, session, None).hosts] == ["cloud", "host"]


def test_what_is_of_another_session_or_too_much_is_refused(world: World):
    session = world.provision(name="a")
    assert world.running(session)
    for wrong in ({"attempt": "other"}, {"means": ""}, {"files": ["x"] * 1001}, {"files": [""]}):
        with pytest.raises(UsageError):
            sent(world, session, **wrong)
    with pytest.raises(NotFound):
        custody(world.engine.ctx, "nobody", None)
    assert custody(world.engine.ctx, session, None).hosts[0].sent == []
