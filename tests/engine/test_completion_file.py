"""The names that shells complete are those that are stored."""

from __future__ import annotations

from gpushopper.core.model.run_folder import Run
from gpushopper.daemon.completion_file import CompletionFile
from gpushopper.engine.requests.offer_cache import OFFERS_KEPT_S
from gpushopper.kept_runs import Output, keep
from gpushopper.store import alarms, consumers
from gpushopper.store.money import tags
from gpushopper.wire import ExtendRequest, SearchRequest
from tests.engine.test_ssh_connection import rent
from tests.sim.world import World


def test_it_follows_what_is_stored_and_is_written_only_when_that_changes(world: World):
    channels = ["desk"]
    names, path = CompletionFile(world.engine.ctx, lambda: channels), world.home.completion_names
    names.sync()
    assert path.read_text() == "channel\tdesk\n" and path.stat().st_mode & 0o777 == 0o600
    channels.append("team")
    names.sync()
    assert path.read_text() == "channel\tdesk\nchannel\tteam\n", "notify add commits nothing"
    attempt = rent(world, "train")
    names.sync()
    assert path.read_text().startswith("open\ttrain\nconsumer\t")
    written = path.stat().st_ino
    with world.store.transaction():
        consumers.ensure_consumer(world.store, "alice", 1)
    assert world.run_until(lambda: world.requests.session(attempt.session_id).accrued > 0)
    names.sync()
    assert "consumer\talice\n" in path.read_text() and path.stat().st_ino != written
    written = path.stat().st_ino
    world.requests.extend("train", ExtendRequest(add_us=60_000_000))
    names.sync()
    assert path.stat().st_ino == written, "no name has changed"
    world.requests.end(["train"])
    assert world.run_until(lambda: world.requests.session(attempt.session_id).end_stage == "proven")
    names.sync()
    assert path.read_text().startswith("ended\ttrain\n")


def test_backups_and_alarms_are_in_it_while_they_are_there(world: World):
    names, path = CompletionFile(world.engine.ctx, tuple), world.home.completion_names
    world.home.backups.mkdir(exist_ok=True)
    copy = world.home.backups / f"{world.home.database.stem}-20261130T120000Z-daily-schema8.db"
    copy.touch()
    with world.store.transaction():
        alarms.raise_alarm(world.store, at=1, kind="unlabelled", subject="x", text="something", hint="look")
    names.sync()
    assert path.read_text() == f"alarm\t1\nbackup\t{copy.name}\n"
    copy.unlink()
    with world.store.transaction():
        alarms.acknowledge(world.store, at=2, alarm_id=1)
    names.sync()
    assert path.read_text() == ""


def test_offers_that_were_searched_and_runs_that_are_kept_are_in_it(world: World):
    names, path = CompletionFile(world.engine.ctx, tuple, world.engine.recent_offers), world.home.completion_names
    names.sync()
    assert "offer\t" not in path.read_text()
    found = [offer.key for offer in world.requests.inventory(SearchRequest(gpu="RTX 4090")).offers]
    names.sync()
    offers = [line.partition("\t")[2] for line in path.read_text().splitlines() if line.startswith("offer\t")]
    assert found and set(found) <= set(offers)
    world.run_for(OFFERS_KEPT_S)
    names.sync()
    assert "offer\t" not in path.read_text()
    attempt = rent(world, "train")
    for run in ("aa11", "bb22"):
        keep(world.home, attempt.session_id, Run(run, "0", "true"), Output(), Output(), now=1, free=lambda _: 10**12)
    world.requests.extend("train", ExtendRequest(add_us=60_000_000))
    names.sync()
    assert sorted(line for line in path.read_text().splitlines() if line.startswith("run\t")) == [
        "run\taa11\ttrain", "run\tbb22\ttrain",
    ]  # fmt: skip


def test_what_a_shell_would_run_is_left_out(world: World):
    """A tag may be called after a branch, and that may be called anything (F103)."""
    session_id = rent(world, "train").session_id
    with world.store.transaction():
        tags.set_tags(
            world.store,
            session_id,
            {"a": "$(reboot)", "b": "fix/x_1", "c": "`x`", "d": "1;2", "e": "ä", "f": "two words"},
        )
    CompletionFile(world.engine.ctx, tuple).sync()
    lines = world.home.completion_names.read_text().splitlines()
    assert [line for line in lines if line.startswith("tag\t")] == ["tag\tb=fix/x_1", "tag\te=ä", "tag\tf=two words"]


def test_a_full_disk_is_no_error_of_the_job(world: World):
    names = CompletionFile(world.engine.ctx, tuple)
    world.home.completion_names.mkdir(parents=True)
    names.sync()
    assert world.home.completion_names.is_dir()
