"""A cloud that tells no account id: what a key proves, and what the key of another organisation must not (F45)."""

from __future__ import annotations

import pytest

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import AccountSetup
from gpushopper.engine.requests.commands.same_account import trust, unproven_account
from gpushopper.errors import Refused, UsageError
from gpushopper.store import account_keys, alarms, installation, sessions
from gpushopper.store.sqlite.statements import run
from tests.engine.inferred_cloud import inferred, markable, restart_with, rotated_key, use_key
from tests.sim.world import World


@pytest.fixture
def inferred_world(world: World) -> World:
    """Its first key is known from its first list on."""
    use_key(world, world.key)
    world.run_for(30)
    assert world.engine.is_ready()
    return world


def attempts(world: World) -> dict[str, Attempt]:
    names = {session.id: session.name for session in sessions.load_sessions(world.store)}
    return {names[each.session_id]: each for each in sessions.load_attempts(world.store, open_only=False)}


def states(world: World) -> dict[str, str]:
    return {name: each.state.value for name, each in attempts(world).items()}


def alarm_texts(world: World, kind: str) -> list[str]:
    return [each.text for each in alarms.open_alarms(world.store) if each.kind == kind]


def with_one_of_each(world: World) -> dict[str, str]:
    """One instance runs, one ends and is still there, one create is uncertain; ids of the sessions by name."""
    found = {name: world.provision(name=name, hours=11, retries=0) for name in ("runs",)}
    assert world.running(found["runs"])
    found["ends"] = world.provision(name="ends", hours=11, retries=0)
    assert world.running(found["ends"])
    world.run_for(60)
    world.fault("create", "commit_then_hang")
    world.fault("list", "lag", "20m")
    found["unsure"] = world.provision(name="unsure", hours=11, retries=0)
    assert world.run_until(lambda: states(world).get("unsure") == "uncertain", 300)
    world.fault("destroy", "status", "500")
    world.requests.end([found["ends"]])
    world.run_for(3)
    assert states(world) == {"runs": "running", "ends": "destroying", "unsure": "uncertain"}
    return found


@pytest.mark.parametrize("swap", [use_key, restart_with])
def test_the_key_of_another_organisation_closes_nothing(inferred_world: World, swap) -> None:
    """Its lists are authentic, whole and empty, and its destroys answer that there is no such instance (F45)."""
    world = inferred_world
    found = with_one_of_each(world)
    swap(world, world.market.keys_of("vast")[1])
    world.faults.clear()
    world.run_for(3600)
    assert states(world) == {"runs": "running", "ends": "destroying", "unsure": "uncertain"}
    ends = attempts(world)["ends"]
    assert (ends.destroy_acknowledged, ends.absence_count, ends.off_at) == (False, 0, None)
    assert ends.destroy_count > 5, "destroys go on"
    (text,) = alarm_texts(world, "account_unproven")
    assert "runs (instance" in text and "ends (instance" in text and "unsure (create uncertain)" in text
    (hint,) = [each.hint for each in alarms.open_alarms(world.store) if each.kind == "account_unproven"]
    assert "https://cloud.vast.ai/instances/" in hint and "--same-account" in hint
    assert not world.engine.is_ready()
    with pytest.raises(Refused) as refused:
        world.provision()
    assert refused.value.code == "wrong_account"
    swap(world, world.key)
    world.run_for(1800)
    assert not alarm_texts(world, "account_unproven")
    assert states(world)["runs"] == "running"
    assert states(world)["ends"] == "closed"
    assert states(world)["unsure"] == "running", "its instance was found by its label"
    assert world.ended(found["ends"])
    world.requests.end([found["runs"], found["unsure"]])
    world.run_for(3600)
    assert (set(states(world).values()), world.our_instances()) == ({"closed"}, [])


def test_a_rotated_key_of_the_same_organisation_goes_on(inferred_world: World) -> None:
    """A row with a recorded id and our label proves it."""
    world = inferred_world
    ref = world.provision(hours=11)
    assert world.running(ref)
    world.run_for(60)
    use_key(world, rotated_key(world))
    world.run_for(120)
    assert not alarm_texts(world, "account_unproven")
    assert world.engine.is_ready()
    assert world.running(world.provision(hours=11))
    world.requests.end([ref])
    assert world.ended(ref)
    accounts = {each.account for each in attempts(world).values()}
    keys = {each.made_by_key for each in attempts(world).values()}
    assert (len(accounts), len(keys)) == (1, 2), "one account, and each attempt knows its key"


def new_installation(world: World) -> None:
    """`config installation new`: labels from now on have another id; what is recorded stays."""
    store, home = world.store, world.engine.ctx.home
    home.data.mkdir(exist_ok=True)
    world.engine.ctx.installation = installation.renew(home, store)


def test_the_rows_of_a_former_installation_id_prove_the_key_too(inferred_world: World) -> None:
    """Their ids and labels are recorded here: which id new labels get says nothing of the account."""
    world = inferred_world
    ref = world.provision(hours=11)
    assert world.running(ref)
    world.run_for(60)
    new_installation(world)
    use_key(world, rotated_key(world))
    world.run_for(120)
    assert not alarm_texts(world, "account_unproven") and world.engine.is_ready()
    world.requests.end([ref])
    assert world.ended(ref) and world.our_instances() == []


def test_a_row_of_a_former_installation_id_is_a_sighting_under_an_unproven_key(inferred_world: World) -> None:
    """The id was taken by its label, so it proves nothing; it is seen, and none of it is recorded as foreign."""
    world = inferred_world
    world.fault("create", "commit_then_hang")
    world.fault("list", "lag", "10m")
    ref = world.provision(hours=11, retries=0)
    assert world.run_until(lambda: list(states(world).values()) == ["uncertain"], 300)
    world.faults.clear()
    use_key(world, rotated_key(world))
    world.run_for(1200)
    new_installation(world)
    (before,) = attempts(world).values()
    world.run_for(1200)
    (after,) = attempts(world).values()
    assert after.last_seen_at > before.last_seen_at and alarm_texts(world, "account_unproven")
    assert "foreign" not in {what for (what,) in run(world.store.database, "SELECT ownership FROM known_instances")}
    world.requests.end([ref])
    world.run_for(600)
    assert world.our_instances() == []


def test_a_rotated_key_with_only_an_uncertain_create_is_not_proven_by_its_label(inferred_world: World) -> None:
    """The label lets the attempt take its id, so that it can be ended; the id then proves nothing by itself."""
    world = inferred_world
    world.fault("create", "commit_then_hang")
    world.fault("list", "lag", "10m")
    ref = world.provision(hours=11, retries=0)
    assert world.run_until(lambda: list(states(world).values()) == ["uncertain"], 300)
    world.faults.clear()
    use_key(world, rotated_key(world))
    world.run_for(1200)
    assert list(states(world).values()) == ["running"]
    assert alarm_texts(world, "account_unproven")
    world.requests.end([ref])
    world.run_for(1200)
    assert (list(states(world).values()), world.our_instances()) == (["destroying"], [])
    use_key(world, world.key)
    world.run_for(1800)
    assert list(states(world).values()) == ["closed"]


def test_another_key_with_nothing_open_begins_an_account_of_its_own(inferred_world: World) -> None:
    """What is made with it is not absent under the former key."""
    world = inferred_world
    first = world.provision(hours=1)
    assert world.running(first)
    world.requests.end([first])
    assert world.ended(first)
    use_key(world, world.market.keys_of("vast")[1])
    world.run_for(60)
    assert world.running(world.provision(hours=11, name="there"))
    world.run_for(60)
    use_key(world, world.key)
    world.run_for(3600)
    assert states(world)["there"] == "running"
    assert alarm_texts(world, "account_unproven")


def test_a_zombie_of_a_former_account_is_destroyed_under_a_rotated_key(inferred_world: World) -> None:
    world = inferred_world
    world.fault("destroy", "zombie", "1h", count=1)
    ref = world.provision(hours=1)
    assert world.running(ref)
    world.run_for(60)
    world.requests.end([ref])
    assert world.ended(ref)
    use_key(world, rotated_key(world))
    world.run_for(2 * 3600)
    assert "reopened" in world.alarms()
    assert world.our_instances() == []


def test_no_key_is_in_the_database(inferred_world: World) -> None:
    """Only a digest, whose salt is in another file: who has the database cannot test a key with it (I21)."""
    world = inferred_world
    assert world.running(world.provision())
    text = "".join(str(run(world.store.database, f"SELECT * FROM {t}")) for t in ("attempts", "account_keys", "meta"))
    assert world.key not in text
    salt = world.home.key_salt.read_text()
    assert salt not in text and world.home.key_salt.stat().st_mode & 0o077 == 0
    ((_, digest),) = account_keys.recorded_keys(world.store, "vast")
    assert {each.made_by_key for each in attempts(world).values()} == {digest}
    assert world.key not in digest and State.RUNNING in {each.state for each in attempts(world).values()}


# ---- the user's word


def with_an_unproven_key(world: World) -> AccountSetup:
    """One instance runs, one create is uncertain, and nothing proves the key: its own lists do not show them yet."""
    assert world.running(world.provision(name="runs", hours=11))
    world.run_for(60)
    world.fault("create", "commit_then_hang")
    world.fault("list", "lag", "20m")
    world.provision(name="unsure", hours=11, retries=0)
    assert world.run_until(lambda: states(world).get("unsure") == "uncertain", 300)
    world.faults.clear()
    world.fault("list", "omit", "10h", instance="all")
    setup = inferred(world, rotated_key(world))
    world.engine.replace_account(setup)
    world.run_for(60)
    assert alarm_texts(world, "account_unproven")
    return setup


def test_the_users_word_needs_every_id_typed(inferred_world: World) -> None:
    world = inferred_world
    setup = with_an_unproven_key(world)
    handle, instance_id = world.engine.handle, str(attempts(world)["runs"].instance_id)
    shown = unproven_account(handle.ctx, setup)
    assert {(row.session, row.typed) for row in shown.rows} == {("runs", instance_id), ("unsure", "unsure")}
    assert shown.console == "https://cloud.vast.ai/instances/"
    for typed in ([], [instance_id], [instance_id, "unsure", "another"]):
        with pytest.raises(Refused) as refused:
            trust(handle, setup, typed)
        assert (refused.value.code, refused.value.exit_code) == ("not_the_same_account", 6)
    world.run_for(600)
    assert alarm_texts(world, "account_unproven")
    trust(handle, setup, ["unsure", instance_id])
    world.run_for(120)
    assert not alarm_texts(world, "account_unproven")
    assert unproven_account(handle.ctx, setup).rows == []


def test_a_cloud_that_tells_its_account_needs_no_word(world: World) -> None:
    with pytest.raises(UsageError) as refused:
        unproven_account(world.engine.ctx, world.engine.reconcilers["vast"].setup)
    assert refused.value.code == "account_is_told"


# ---- our own mark


def test_our_mark_proves_a_rotated_key_where_no_row_can(world: World) -> None:
    """Only a create is uncertain, and the list does not show it: the mark that was registered at first use does."""
    team: list[str] = []
    world.engine.replace_account(markable(world, world.key, team))
    world.run_for(60)
    assert len(team) == 1, "registered once"
    world.fault("create", "commit_then_hang")
    world.fault("list", "lag", "20m")
    world.provision(name="unsure", hours=11, retries=0)
    assert world.run_until(lambda: states(world).get("unsure") == "uncertain", 300)
    world.engine.replace_account(markable(world, world.market.keys_of("vast")[1], []))
    world.run_for(900)
    assert alarm_texts(world, "account_unproven"), "another organisation has no such mark"
    world.engine.replace_account(markable(world, rotated_key(world), team))
    world.run_for(120)
    assert not alarm_texts(world, "account_unproven")
    assert len(team) == 1
    assert ("mark",) in run(world.store.database, "SELECT proof FROM account_keys")


def test_our_mark_shows_two_names_for_one_account(world: World) -> None:
    team: list[str] = []
    world.engine.replace_account(markable(world, world.key, team))
    world.run_for(60)
    lab = markable(world, rotated_key(world), team, "lab")
    world.engine.ctx.learn_traits(lab)
    world.engine.reconcilers["lab"] = AccountReconciler(world.engine.ctx, lab, world.executor)
    world.run_for(400)
    assert len(alarm_texts(world, "same_account")) == 2
