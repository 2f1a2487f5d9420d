"""A name that no session has: what was meant is suggested, an open session before one that has ended."""

from __future__ import annotations

import pytest

from gpushopper.errors import NotFound
from tests.sim.world import World


def test_a_mistyped_name_is_answered_with_the_session_that_was_meant(world: World):
    for name in ("train", "trains", "eval-1"):
        world.provision(name=name)
    for typed, meant in (("trian", "did you mean train? "), ("eval-2", "did you mean eval-1? "), ("zebra", "")):
        with pytest.raises(NotFound, match=f"no session is called '{typed}'") as found:
            world.requests.session(typed)
        assert found.value.hint == f"{meant}see them with: gpu-shopper ls -a"
