"""`purge`: refused while anything may bill, or that is not known; then nothing of ours is left, and all else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest

from gpushopper.clock import SystemClock
from gpushopper.core.cloud import Carrier
from gpushopper.core.model.attempt import DesiredState, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.label import make_label
from gpushopper.core.policy import PAPER
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.daemon.lock import Holder, HomeLock
from gpushopper.daemon.purge.refusals import MayBill, refuse_while_billing
from gpushopper.daemon.purge.removal import files_of
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.shared_calls import ThreadedCalls
from gpushopper.paths import Home, find_home
from gpushopper.providers.base import ErrorKind, InstanceList, ReadFailed
from gpushopper.store import alarms, installation, sessions
from gpushopper.store.database import Store
from tests.daemon.stand_ins import EmptyAccount
from tests.new_database import lay_down
from tests.store.samples import NOW, attempt, session


class Listed(EmptyAccount):
    """An account whose list is what a test says."""

    def __init__(self, answer: InstanceList | ReadFailed) -> None:
        self.answer = answer

    def fetch_instances(self, limit_s: float) -> Any:
        return self.answer


EMPTY = InstanceList((), True, None, total=0)
SILENT = ReadFailed(ErrorKind.NETWORK, "no answer")


@pytest.fixture
def ctx(home: Path) -> Iterator[Context]:
    home.mkdir(mode=0o700)
    where = find_home()
    lay_down(where.database)
    store = Store.open(where.database, now_wall=NOW)
    found = installation.check(where, store)
    yield Context(store, SystemClock(), PAPER, SpendingLimits(), found, where)
    store.close()


def check(ctx: Context, answer: InstanceList | ReadFailed | None = EMPTY, *, seen: bool = False) -> None:
    client = None if answer is None else Listed(answer)
    setup = AccountSetup("vast", client, "" if client else "no key for vast", "", "http://127.0.0.1:9", is_named=True)
    refuse_while_billing(ctx, {"vast": setup}, ThreadedCalls(), has_seen_console=seen)


def stored(ctx: Context, state: State, **changes: Any) -> None:
    ended = state is State.CLOSED
    changes |= {"desired_state": DesiredState.TERMINATED} if ended else {}
    with ctx.store.transaction():
        sessions.insert_session(ctx.store, session("s1", name="train", ended_at=NOW if ended else None, **changes))
        sessions.insert_attempt(ctx.store, attempt("a1", "s1", state))


def test_a_home_without_anything_may_go(ctx: Context):
    check(ctx)


@pytest.mark.parametrize("state", [each for each in State if each is not State.CLOSED])
def test_an_open_attempt_of_any_state_keeps_it(ctx: Context, state: State):
    stored(ctx, state)
    with pytest.raises(MayBill, match="may still bill: train"):
        check(ctx, seen=True)


def test_what_is_closed_with_a_receipt_does_not(ctx: Context):
    stored(ctx, State.CLOSED)
    check(ctx)


def test_an_alarm_that_is_shown_keeps_it(ctx: Context):
    with ctx.store.transaction():
        alarms.raise_alarm(ctx.store, at=NOW, kind="possible_orphan", subject="x", text="instance 5 may be yours")
    with pytest.raises(MayBill, match="instance 5 may be yours"):
        check(ctx, seen=True)
    with ctx.store.transaction():
        alarms.acknowledge(ctx.store, at=NOW, alarm_id=None)
    check(ctx)


def test_a_database_that_was_set_aside_keeps_it(ctx: Context):
    aside = ctx.home.database.with_name(f"{ctx.home.database.name}.damaged-2026-01-01")
    aside.touch()
    with pytest.raises(MayBill, match="may be the only record"):
        check(ctx, seen=True)


def test_an_account_that_does_not_answer_keeps_it_until_a_person_has_looked(ctx: Context):
    for answer in (SILENT, None, replace(EMPTY, complete=False)):
        with pytest.raises(MayBill, match="vast could not be seen"):
            check(ctx, answer)
        check(ctx, answer, seen=True)


def listed(label: str) -> InstanceList:
    """A list with one instance."""
    empty = dict.fromkeys(field.name for field in fields(Instance) if field.default is MISSING)
    known = {"instance_id": "77", "carriers": ((Carrier.LABEL, label),), "status": StatusClass.RUNNING}
    row = Instance(**empty | known | {"provider_status": "running", "message": "", "progress": ""})
    return InstanceList((row,), True, None, total=1)


def test_an_instance_with_our_label_keeps_it_and_a_foreign_one_does_not(ctx: Context):
    check(ctx, listed("somebody's"))
    ours = make_label(ctx.installation.id, ctx.new_id(16), NOW + HOUR)
    with pytest.raises(MayBill, match="on your accounts, and not foreign: vast 77"):
        check(ctx, listed(ours), seen=True)


def test_every_file_that_a_home_has_is_among_those_that_go(tmp_path: Path):
    """A new file in `Home` must be thought of here, too."""
    home = Home(tmp_path / "data", tmp_path / "config")
    listed = files_of(home)
    own = {name: getattr(home, name) for name, kind in vars(Home).items() if isinstance(kind, property)}
    left = {name for name, path in own.items() if not any(path == each or each in path.parents for each in listed)}
    assert left == {"clock_offset"}, "of a sandbox's home, which goes as a whole"
    assert listed[-1] == home.lock


def test_nothing_of_ours_is_left_and_all_else_is(
    home: Path, once: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
):
    where = find_home()
    home.mkdir(mode=0o700)
    with HomeLock.take(where, Holder(1, NOW, "0")):
        assert once("purge")[1]["error"]["code"] == "already_running"
    lay_down(where.database)
    (home / "notes.txt").write_text("the user's")
    (home / "runs").mkdir(exist_ok=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (home / "launchd.log").symlink_to(outside)
    where.config_file.write_text('[keys]\nkeyring = false\n[providers.vast]\nendpoint = "http://127.0.0.1:9"\n')
    where.key_file.write_text('[vast]\napi_key = "some-key-0123"\n')
    where.key_file.chmod(0o600)
    code, planned = once("purge", "list")
    assert code == 0 and planned["secrets"] == ["vast"] and str(where.database) in planned["would_remove"]
    assert where.database.exists() and where.key_file.exists()
    code, said = once("purge")
    assert code == 6 and said["error"]["code"] == "may_bill", "the cloud cannot be seen"
    assert where.database.exists() and where.key_file.exists()
    code, said = once("purge", "seen")
    assert (code, said["secrets"]) == (0, ["vast"])
    assert [path.name for path in home.iterdir()] == ["notes.txt"] and (outside / "kept").exists()
