"""Regressions about instances: adopted, uncertain, destroyed, and never by the list of another account."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import peewee
import pytest

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import DiskFull, Refused
from gpushopper.providers import adapter
from gpushopper.sandbox.market import actions
from gpushopper.store import sessions
from gpushopper.store.installation import HomeStatus, Installation
from tests.credentials import api_key
from tests.sim.world import World


def attempts(world: World) -> list[Attempt]:
    return sessions.load_attempts(world.store, open_only=False)


def states(world: World) -> list[str]:
    return [one.state.value for one in attempts(world)]


def until_state(world: World, state: State, limit_s: float = 120) -> Attempt:
    assert world.run_until(lambda: attempts(world)[0].state is state, limit_s), states(world)
    return attempts(world)[0]


def lose_database(world: World) -> None:
    world.kill()
    for file in world.home.database.parent.glob(f"{world.home.database.name}*"):
        file.unlink()


def use_key(world: World, key: str) -> None:
    transport = world.executor.transport
    url = "http://127.0.0.1:9"
    client = adapter("vast")(url, api_key(key), world.clock.monotonic, transport=transport, wait=transport.wait)
    world.engine.replace_account(AccountSetup("vast", client, "", "test", url, is_local=True))


# ---- a list is only as good as the account behind it


def test_a_restart_while_lists_fail_keeps_what_is_known(world: World):
    """F45: a list without its account proves nothing, so ours are never recorded as foreign."""
    assert world.running(world.provision())
    world.run_for(1000)
    world.fault("account", "status", "500")
    world.restart().run_for(1200)
    assert states(world) == ["running"]
    assert "key_rejected" not in world.alarms(), "a server error is no word about the key"


def test_nothing_is_adopted_while_the_account_is_unknown(world: World):
    """F45, F50: a row belongs to its account for ever, so an orphan waits until the account is known."""
    assert world.running(world.provision(hours=5))
    account = attempts(world)[0].account
    world.run_for(1000)
    lose_database(world)
    world.fault("account", "status", "500")
    world.start().run_for(30)
    assert attempts(world) == []
    world.faults.clear()
    world.run_for(1500)
    world.restart().run_for(1200)
    assert [(a.state, a.account) for a in attempts(world)] == [(State.RUNNING, account)]


def test_the_list_of_another_account_ends_nothing(world: World):
    """F45: the key of another account hides what runs here, and shows what was thought gone there."""
    first, second = world.key, world.market.keys_of("vast")[1]
    ended = world.provision()
    assert world.running(ended)
    world.fault("destroy", "zombie", "1h", count=1)
    world.requests.end([ended])
    assert world.ended(ended)
    use_key(world, second)
    world.run_for(30)
    assert world.running(world.provision())
    world.run_for(4000)
    use_key(world, first)
    world.run_for(600)
    assert sorted(states(world)) == ["closed", "running"]
    assert world.alarms() == {"wrong_account", "degraded"}
    use_key(world, second)
    world.run_for(400)
    assert world.alarms() == set()


# ---- what was found


def test_a_stopped_orphan_is_kept_until_its_deadline(world: World):
    """F50: adopted counts as ready, so a stopped one is no failed boot."""
    assert world.running(world.provision(hours=5, keep_stopped=True))
    world.run_for(600)
    actions.revise(world.market, world.market.existing_instances()[0], "outbid", None)
    world.run_for(400)
    lose_database(world)
    world.start().run_for(3000)
    assert (states(world), len(world.our_instances())) == (["interrupted"], 1)
    world.run_for(1800)
    assert [(a.state, a.reason) for a in attempts(world)] == [(State.CLOSED, "deadline")]


def test_an_old_orphan_on_an_offline_host_is_kept_until_its_deadline(world: World):
    """F50: older than any boot limit, but adopted counts as ready."""
    assert world.running(world.provision(hours=5))
    world.run_for(7200)
    actions.revise(world.market, world.market.existing_instances()[0], "offline_host", "10m")
    lose_database(world)
    world.start().run_for(1200)
    assert (states(world), len(world.our_instances())) == (["running"], 1)


def test_an_orphan_takes_another_name_when_its_own_is_taken(world: World):
    """F50: a session may be called just as the orphan would be."""
    copy = world.home.database.with_suffix(".old")
    world.kill()
    copyfile(world.home.database, copy)
    world.start().ready()
    assert world.running(world.provision())
    orphan = attempts(world)[0].instance_id
    lose_database(world)
    copyfile(copy, world.home.database)
    world.fault("list", "omit", f"{orphan},10m")
    world.start().ready()
    assert world.running(world.provision(name=f"adopted-{orphan}"))
    world.run_for(1200)
    assert states(world) == ["running", "running"]
    names = {world.view(one.session_id).name for one in attempts(world)}
    assert names == {f"adopted-{orphan}", f"adopted-{orphan}-2"}


def test_a_moved_home_concludes_nothing_about_an_uncertain_create(world: World):
    """S10: the other home may own it; it is neither adopted nor closed until the user says which is which."""
    world.fault("create", "commit_then_hang", count=1)
    session = world.provision()
    world.run_for(2)
    world.restart()
    own = world.engine.ctx.installation
    world.engine.ctx.installation = Installation(own.id, HomeStatus.MOVED)
    world.run_for(3600)
    assert (states(world), world.status(session), len(world.our_instances())) == (["uncertain"], "pending", 1)
    world.restart().run_for(600)
    assert (states(world), world.status(session), len(world.our_instances())) == (["running"], "running", 1)


def test_a_duplicate_of_unknown_age_is_destroyed_too(world: World):
    """S9: its age counts from its first sighting where the row shows none."""
    world.fault("create", "dup", count=1)
    world.fault("list", "no_field", "start_date")
    assert world.running(world.provision(hours=5))
    world.run_for(60)
    assert "duplicate" in world.alarms(), "told at first sight"
    assert len(world.our_instances()) == 2
    world.run_for(1800)
    assert [(a.state, a.reason) for a in attempts(world)] == [(State.RUNNING, ""), (State.CLOSED, "duplicate")]
    assert len(world.our_instances()) == 1


def test_a_reply_with_the_id_of_another_attempt_does_not_share_it(world: World):
    """I4, F120: the id is stored with no second attempt; the label finds the right instance."""
    assert world.running(world.provision())
    held = attempts(world)[0].instance_id
    client = world.engine.reconcilers["vast"].client
    real = client.create
    client.create = lambda request, limit: replace(real(request, limit), instance_id=held)
    world.provision()
    world.run_for(100)
    assert states(world) == ["running", "running"]
    assert len({a.instance_id for a in attempts(world)}) == 2


# ---- what is to end


def test_an_unwanted_instance_is_destroyed_although_lists_hang(world: World):
    """I8, I9: found by a list while its create was out, its destroy waits for no further list."""
    world.fault("create", "commit_then_hang", count=1)
    session = world.provision()
    until_state(world, State.SENT)
    world.requests.end([session])
    world.engine.wake()
    assert world.run_until(lambda: attempts(world)[0].instance_id is not None, 60)
    world.fault("list", "hang")
    world.run_for(600)
    assert (states(world), world.our_instances()) == (["destroying"], [])


def test_nothing_is_off_before_a_destroy_was_answered(world: World):
    """F10: absence shown while the first destroy is still out proves nothing."""
    session = world.provision(hours=5)
    one = until_state(world, State.BOOTING)
    world.fault("destroy", "hang")
    world.fault("list", "omit", f"{one.instance_id},30m")
    world.fault("get", "null", duration="30m")
    world.requests.end([session])
    assert world.run_until(lambda: world.view(session).end_stage == "off", 600)
    assert attempts(world)[0].destroy_count >= 1


def test_a_create_reply_that_meets_a_full_disk_is_stored_later(tmp_path: Path):
    """F67, F73: a reply leaves the inbox only once it is stored; here no label could find it again."""
    switch = {"full": False}

    class Disk(peewee.SqliteDatabase):
        def execute_sql(self, sql, *args, **kwargs):
            if switch["full"] and sql.split()[0] in ("INSERT", "UPDATE"):
                error = peewee.OperationalError("database or disk is full")
                error.orig = sqlite3.OperationalError("database or disk is full")
                error.orig.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return super().execute_sql(sql, *args, **kwargs)

    world = World(tmp_path, database_class=Disk).start().ready()
    for word in ("label_drop", "env_drop"):
        world.fault("create", word, count=1)
    world.provision()
    until_state(world, State.SENT)
    world.clock.t = max(due for due, _ in world.executor.waiting)
    switch["full"] = True
    with pytest.raises(DiskFull):
        for _ in range(9):
            world.engine.step()
    switch["full"] = False
    world.run_for(1800)
    assert (states(world), len(world.our_instances()), world.alarms()) == (["running"], 1, {"unlabelled"})
    world.kill()


# ---- clocks


def test_an_alarm_about_clocks_ends_with_its_session(world: World):
    """I30: after a reboot without any reply the deadline is disputed; the end of the session ends the alarm."""
    session = world.provision(hours=1)
    assert world.running(session)
    world.kill()
    world.clock.boot_id = "boot-2"
    for call in ("list", "account"):
        world.fault(call, "hang")
    world.start().run_for(3700)
    assert "clock_skew" in world.alarms()
    world.requests.end([session])
    world.faults.clear()
    world.engine.wake()
    assert world.ended(session)
    world.run_for(600)
    assert world.alarms() == set()


def test_a_provider_without_a_date_does_not_hold_a_deadline_back_after_a_reboot(world: World):
    """I12: once it can be reached, the wall clock decides alone."""
    session = world.provision(hours=1)
    assert world.running(session)
    world.kill()
    world.clock.boot_id = "boot-2"
    world.start()
    world.engine.reconcilers["vast"].observed.note_provider_date = lambda value, now: None
    world.run_for(2 * 3600)
    assert [(a.state, a.reason) for a in attempts(world)] == [(State.CLOSED, "deadline")]
    assert world.our_instances() == []


def test_past_a_deadline_the_first_destroy_follows_the_network_within_a_minute(world: World):
    """S24: failed polls are repeated soon."""
    assert world.running(world.provision(hours=1))
    world.kill()
    world.clock.t += 2 * HOUR
    world.clock.boot_id = "boot-2"
    for call in ("list", "account"):
        world.fault(call, "offline", "100s")
    back = world.clock.t + us(100)
    world.start()
    assert world.run_until(lambda: bool(world.ledger()["destroys"]), 3600)
    assert us(-1) <= world.clock.t - back <= us(60)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_wrong_clock_writes_no_deadline(world: World, hours: int):
    """F62, I12: nothing is rented until the clock is right."""
    world.clock.skew = hours * HOUR
    world.run_for(10)
    with pytest.raises(Refused) as caught:
        world.provision()
    assert (caught.value.code, attempts(world)) == ("clock_skew", [])
    world.clock.skew = 0
    world.engine.resume()
    world.run_for(10)
    assert world.running(world.provision())
