"""The three walks of docs/architecture.md are the way that the code goes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from gpushopper import wire
from gpushopper.core.model.label import parse_label
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.floors.guides import ARCHITECTURE, WALKS, chapter, functions_in
from tests.floors.tree import ROOT
from tests.sim.world import World

PACKAGE = f"{ROOT / 'gpushopper'}/"
# The rest runs in other processes, or is replaced in a simulation.
SIMULATED = ("core/", "engine/", "providers/", "store/")


@pytest.mark.skipif(not ARCHITECTURE.exists(), reason="the docs are not in this tree")
def test_every_function_of_the_walks_runs_in_one_rental_with_an_extension(tmp_path: Path):
    world, ran = World(tmp_path, policy=REAL).start().ready(), set()

    def note(frame: FrameType, event: str, _value: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            ran.add((code.co_filename.removeprefix(PACKAGE), code.co_qualname))

    parse_label.cache_clear()  # or another test has run it already
    former = sys.getprofile()
    sys.setprofile(note)
    try:
        session = world.provision(hours=2)
        assert world.running(session)
        world.requests.extend(session, wire.ExtendRequest(add_us=HOUR))
        world.run_for(120)
        world.requests.end([session])
        assert world.ended(session)
        world.requests.costs(session)
        world.requests.session(session)
    finally:
        sys.setprofile(former)
        world.kill()
    named = {pair for walk in WALKS for pair in functions_in(chapter(walk)) if pair[0].startswith(SIMULATED)}
    assert len(named) > 30
    assert named - ran == set()
