"""The audit log's file: every act of a session once and in order, over crashes, torn lines and another database."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpushopper.core.audit_chain import ACTS, BEGUN, Act, check_chain, read_line
from gpushopper.daemon.audit_log.writer import AuditLog
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def lines(world: World) -> list[str]:
    return world.home.audit_log.read_text().splitlines()


def logged(world: World) -> list[Act]:
    assert check_chain(lines(world)).problems == ()
    return [line.act for text in lines(world) if (line := read_line(text)) is not None]


def acts_of(world: World) -> list[int]:
    return [each.id for each in world.requests.events(0, 10_000).events if each.kind in ACTS]


def test_every_act_of_a_session_is_in_it_once_and_in_order(world: World):
    log = AuditLog(world.engine.ctx)
    log.step()
    assert [act.kind for act in logged(world)] == [BEGUN]
    assert stat.S_IMODE(world.home.audit_log.stat().st_mode) == 0o600
    ref = world.provision(hours=0.25, name="train")
    assert world.running(ref)
    log.step()
    log.step()
    assert world.ended(ref)
    AuditLog(world.engine.ctx).step()  # a new daemon goes on
    found = logged(world)
    assert [act.event for act in found[1:]] == acts_of(world)
    kinds = [act.kind for act in found]
    for kind in ("requested", "prepared", "sent", "created", "end_requested", "destroy_sent", "closed", "ended"):
        assert kinds.count(kind) == 1, kind


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_line_that_a_crash_has_torn_is_written_again(world: World, kept: float):
    AuditLog(world.engine.ctx).step()
    world.provision(hours=1, name="train")
    AuditLog(world.engine.ctx).step()
    whole = lines(world)
    torn = whole[-1][: int(len(whole[-1]) * kept)]
    world.home.audit_log.write_text("".join(f"{line}\n" for line in whole[:-1]) + torn)
    AuditLog(world.engine.ctx).step()
    assert lines(world) == whole


def test_a_rebuilt_database_begins_anew_in_the_same_chain(world: World):
    AuditLog(world.engine.ctx).step()
    world.provision(hours=1, name="train")
    AuditLog(world.engine.ctx).step()
    before = lines(world)
    world.kill()
    for path in world.home.data.glob("gpu-shopper.db*"):
        path.unlink()
    world.start().ready()
    AuditLog(world.engine.ctx).step()
    found = logged(world)
    assert lines(world)[: len(before)] == before, "nothing of the former one is lost"
    assert len({act.database for act in found}) == 2 and found[len(before)].kind == BEGUN


def test_a_damaged_line_is_kept_and_the_log_goes_on(world: World):
    AuditLog(world.engine.ctx).step()
    world.provision(hours=1, name="train")
    AuditLog(world.engine.ctx).step()
    whole = lines(world)
    world.home.audit_log.write_bytes(b"\n".join([*(line.encode() for line in whole), b"\xff\xfe damaged", b""]))
    world.provision(hours=1, name="more")
    AuditLog(world.engine.ctx).step()
    texts = world.home.audit_log.read_text(errors="replace").splitlines()
    assert check_chain(texts).problems == (f"line {len(whole) + 1} is damaged",)
    assert [line.act.event for text in texts if (line := read_line(text)) is not None][1:] == acts_of(world)


def test_a_write_that_fails_is_made_up_for(world: World, tmp_path: Path):
    log = AuditLog(world.engine.ctx)
    log.step()
    world.provision(hours=1, name="train")
    aside = tmp_path / "aside"
    os.rename(world.home.audit_log, aside)
    world.home.audit_log.mkdir()
    with pytest.raises(OSError):
        log.step()
    world.home.audit_log.rmdir()
    os.rename(aside, world.home.audit_log)
    log.step()
    assert [act.event for act in logged(world)[1:]] == acts_of(world)


class Counted(AuditLog):
    """Counts how often the whole file is read."""

    readings = 0

    def _resume(self, file: int) -> None:
        self.readings += 1
        super()._resume(file)


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes; what is meant to be is written in that far."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_the_file_is_not_read_again_at_each_try(world: World):
    """It is tried every 2 s, perhaps for days, and the log only grows."""
    log, path = Counted(world.engine.ctx), world.home.audit_log
    log.step()
    world.provision(hours=1, name="train")
    log.step()
    whole = path.read_text()
    world.provision(hours=1, name="more")
    with no_room_beyond(len(whole) + 40):
        for _ in range(3):
            with pytest.raises(OSError, match="File too large"):
                log.step()
    assert path.read_text()[: len(whole)] == whole and path.stat().st_size == len(whole) + 40, "a torn line"
    log.step()
    assert [act.event for act in logged(world)[1:]] == acts_of(world) and log.readings == 1


def test_a_file_that_was_put_in_its_place_is_read(world: World, tmp_path: Path):
    log = Counted(world.engine.ctx)
    log.step()
    world.provision(hours=1, name="train")
    log.step()
    copy = tmp_path / "copy"
    copy.write_bytes(world.home.audit_log.read_bytes())
    os.replace(copy, world.home.audit_log)
    world.provision(hours=1, name="more")
    log.step()
    assert [act.event for act in logged(world)[1:]] == acts_of(world) and log.readings == 2


def test_a_link_in_its_place_is_not_followed(world: World, tmp_path: Path):
    (tmp_path / "elsewhere").write_text("")
    world.home.audit_log.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        AuditLog(world.engine.ctx).step()
    assert (tmp_path / "elsewhere").read_text() == ""
