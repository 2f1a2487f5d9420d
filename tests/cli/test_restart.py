"""`restart` from the command line: asked for, said what stays, refused where the cloud cannot."""

from __future__ import annotations

from gpushopper.cli.commands.sessions.restart import _ending_runs
from gpushopper.wire import EndView, WhyView
from tests.cli.in_process import Inside


def test_it_asks_says_what_stays_and_refuses_where_there_is_no_call(inside: Inside):
    rent = ("provision", "--gpu", "4090", "--hours", "1", "--yes", "--allow-unguarded")
    for cloud in ("vast", "tensordock"):
        assert inside(*rent, "-p", cloud, "--name", f"again-{cloud}").code == 0
    try:
        asked = inside("restart", "again-vast")
        assert asked.code == 2 and "add --yes" in asked.err
        assert "its disk and its deadline stay" in asked.err and "it bills on" in asked.err
        dry = inside("restart", "again-vast", "--dry-run")
        assert dry.code == 0 and "Nothing was done" in dry.err
        done = inside("restart", "again-vast", "--yes", "--json")
        assert done.code == 0 and done.json["restarted"] is True
        refused = inside("restart", "again-tensordock", "--dry-run")
        assert refused.code == 6 and "to restart" not in refused.err
        assert "tensordock has no call that restarts an instance" in refused.err
        kinds = [event["kind"] for event in inside("events", "--json", "--session", "again-vast").json["events"]]
        assert kinds.count("restarted") == 1
    finally:
        for cloud in ("vast", "tensordock"):
            inside("done", f"again-{cloud}", "--yes", "--no-wait")


def test_it_says_that_a_lost_run_ends_the_session_where_it_was_started_with_rm():
    found = WhyView(
        "s", "train", "running", "", 1, ends=[EndView("deadline", 9, "I"), EndView("run", None, "I", run="a1")]
    )
    (line,) = _ending_runs(found)
    assert "a1 was started with --rm" in line and line.endswith("gpu-shopper run stop train a1 --keep")
    assert _ending_runs(WhyView("s", "train", "running", "", 1, ends=[EndView("deadline", 9, "I")])) == []
