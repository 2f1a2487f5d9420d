"""The report of a session holds its instances, runs, costs, receipts and bill, and stays right after its end."""

from __future__ import annotations

import pytest

from gpushopper.core.model.run_folder import Run
from gpushopper.engine.requests.queries.money.bills import verify
from gpushopper.engine.requests.queries.records.report import report
from gpushopper.errors import NotFound
from gpushopper.kept_runs import Output, keep
from tests.sim.world import World


def test_of_an_ended_session_everything_is_in_it(world: World):
    session = world.provision(name="night", hours=1, consumer="lab", environment={"HF_TOKEN": "hf_secret"})
    assert world.running(session)
    assert world.ended(session)
    now = world.clock.now().wall
    assert keep(world.home, session, Run("r1", "0", "python train.py", now - 60, now), Output(), Output(), now)
    assert keep(world.home, session, Run("r2", "running", "sleep 300", now - 60), Output(), Output(), now)
    verify(world.engine.handle)
    found, view = report(world.engine.ctx, "night"), world.view(session)
    (one,) = found.attempts
    assert (found.name, found.consumer, found.status) == ("night", "lab", "stopped")
    assert found.accrued == view.accrued == one.accrued
    assert found.gpu_micros + found.storage_micros + found.traffic_micros + found.minimum_micros == found.accrued
    assert (
        one.receipt is not None
        and one.receipt["kind"] == "proven"
        and one.receipt["total"] + found.traffic_micros == one.accrued
    )
    assert (one.gpu, one.gpu_count, one.host) == ("RTX 4090", 1, found.custody.hosts[0].host)
    assert one.ready_at is not None and one.off_at is not None
    assert found.gpu_hours == pytest.approx((one.off_at - one.ready_at) / 3.6e9)
    runs = {run.command: (run.status, run.ended_at) for run in found.runs}
    assert runs == {"python train.py": ("0", now), "sleep 300": ("cut off", now)}, "nothing runs after the end"
    assert found.bill is not None and abs(found.bill.difference_micros) < 10_000
    assert found.custody.rotate == ["HF_TOKEN"] and "hf_secret" not in repr(found)
    assert found.notes == ["Hardware is as the cloud offered it; nothing of it was measured."]


def test_of_an_open_session_it_says_what_is_not_final(world: World):
    session = world.provision(name="now")
    assert world.running(session)
    found = report(world.engine.ctx, "now")
    assert found.attempts[0].receipt is None and found.ended_at is None
    notes = " ".join(found.notes)
    assert "not final" in notes and "has not been read" in notes and "No run is listed" in notes
    with pytest.raises(NotFound):
        report(world.engine.ctx, "nobody")
