"""`logs --provider`: what the container has printed, without a login; and in the place of one that fails."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

GPU = ("--gpu", "RTX 4090", "--hours", "1")


def test_the_provider_log_shows_the_containers_output(inside: Inside):
    assert inside("provision", *GPU, "--name", "printing", "--yes").code == 0
    ran = inside("logs", "--provider", "printing")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1].endswith("running onstart.sh")
    found = inside("logs", "printing", "--provider", "--tail", "1", "--json").json
    assert (found["schema"], found["name"], found["provider"], len(found["lines"])) == (1, "printing", "vast", 1)
    for words in (("-f",), ("run1",), ("--tail", "10001")):
        assert inside("logs", "printing", "--provider", *words).code == 2
    unknown = inside("logs", "printed", "--provider")
    assert (unknown.code, unknown.out) == (3, "")


@pytest.mark.proofs
def test_without_ssh_logs_shows_the_provider_log(gs: Shell):
    try:
        started = gs("sandbox", "start", "--live")
        if started.code == 6:
            pytest.skip(started.err)
        ran = gs("--sandbox", "provision", *GPU, "--name", "mute", "--yes")
        assert ran.code == 0, ran.err
        gs("sandbox", "fault", "add", "vast", "host", "offline")
        told = gs("--sandbox", "logs", "mute")
        assert told.code == 0, told.err
        assert told.out == gs("--sandbox", "logs", "mute", "--provider").out
        assert "mute cannot be reached" in told.err and "not a run's" in told.err
        gs("sandbox", "fault", "add", "vast", "logs", "status", "500")
        mute = gs("--sandbox", "logs", "mute")
        assert (mute.code, mute.out) == (1, "")
        assert "vast gives no log" in mute.err and "error: mute cannot be reached" in mute.err
    finally:
        gs("sandbox", "stop")
