"""A lab server's rules: which route is whose, who a uid is, what members may ask for and are shown."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from gpushopper.core.model.attempt import State
from gpushopper.daemon.api.dispatch import table, types_of
from gpushopper.daemon.api.members import requests
from gpushopper.daemon.api.members.answers import SHOWN
from gpushopper.daemon.api.members.callers import Caller, MemberList
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import SLOW_OF_MEMBERS, Service, for_members
from gpushopper.engine.requests.commands.money.consumers import rename_consumer
from gpushopper.paths import FREE_FLOOR
from gpushopper.store import alarms, events, sessions
from gpushopper.store.database import Store
from gpushopper.wire import LimitsRequest, PlanRequest, ProvisionRequest
from gpushopper.wire.api import routes
from gpushopper.wire.api.routes import MEMBER, OWN, OWNER, Route, Who
from tests.daemon.stand_ins import EmptyAccount
from tests.daemon.test_api import assert_error, engine_and_service, serving
from tests.store.samples import attempt, raw, session

ROWS = table()
ALICE, BOB, STRANGER = 60001, 60002, 60003
"""Uids of nobody here."""
SECRET = "ghcr.io/bob/private:1"


class Lab:
    """A daemon with a session of each of two members, and one of the owner's."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.app = build_app(for_members(service), MemberList(service.home, service.uid))
        self.settings(f'[members]\n{ALICE} = "alice"\n{BOB} = "bob"\n')
        ctx = service.handle.ctx
        with ctx.store.transaction():
            for number, whose in enumerate(("alice", "bob", "me")):
                row = session(f"s{number}", name=f"of-{whose}", consumer=whose, image=SECRET, image_login="ghcr.io")
                sessions.insert_session(ctx.store, row)
                held = {"image": SECRET, "ssh_host": "1.2.3.4", "provider_status": f"pulling {SECRET}"}
                sessions.insert_attempt(ctx.store, attempt(f"a{number}", f"s{number}", State.BOOTING, **held))
                alarms.raise_alarm(ctx.store, at=5, kind="missing", subject=f"a{number}", text=f"alarm of {whose}")
                events.append(ctx.store, at=5, kind="note", text=f"told of {whose}", session_id=f"s{number}")
            events.append(ctx.store, at=5, kind="note", text="told of no session")
            for kind in ("degraded", "alert_undelivered"):
                alarms.raise_alarm(ctx.store, at=5, kind=kind, subject="vast", text=kind, hint="keys set")

    def settings(self, text: str) -> None:
        self.service.home.config_file.write_text(text)

    def ask(self, uid: int | None, method: str, path: str, **more: Any) -> Any:
        told = {} if uid is None else {"X_REMOTE_UID": str(uid)}
        return self.app.test_client().open(path, method=method, environ_overrides=told, **more)

    def call(self, uid: int | None, route: Route[Any, Any, Any], ref: str = "of-bob") -> Any:
        path = route.path.replace("{ref}", ref).replace("{run}", "r1").replace("{name}", "b").replace("{offer}", "v:1")
        return self.ask(uid, route.method, path)


@pytest.fixture
def lab(home: Path) -> Iterator[Lab]:
    with serving(None) as service:
        yield Lab(service)


def test_every_route_says_who_may_call_it():
    assert {row.who for row in ROWS.values()} <= set(get_args(Who))
    with pytest.raises(TypeError, match="who"):
        Route("GET", "/api/v1/new", "A route without a rule.")  # type: ignore[call-arg]


def test_every_answer_to_a_member_has_a_rule():
    to_members = {types_of(row).answer for row in ROWS.values() if row.who != OWNER}
    assert {dict if str(kind).startswith("dict") else kind for kind in to_members} == set(SHOWN)


def test_what_is_about_one_session_or_is_its_own_is_no_business_of_other_members():
    """A route about one session is shown to all members only where it is a row of the list."""
    assert {name for name, row in ROWS.items() if "{ref}" in row.path and row.who == MEMBER} == {"SESSION"}
    assert {name for name, row in ROWS.items() if row.who == OWN and "{ref}" not in row.path} == {"CUSTODY"}
    changing = {name for name, row in ROWS.items() if row.method != "GET" and row.who == MEMBER}
    assert changing == {"PLAN", "PROVISION"}


def test_a_member_is_refused_what_is_the_owner_s(lab: Lab):
    for row in ROWS.values():
        if row.who == OWNER:
            error = assert_error(lab.call(ALICE, row), 403, "owner_only", 6)
            assert row.path in error["message"]


NEEDED = {
    "LANDED": {"began_at": 1, "theirs": [], "ours": [], "files": 0, "bytes": 0},
    "RECORD_SENT": {"attempt": "a1", "means": "cp", "target": "/"},
}
"""Bodies that are not empty."""


def test_a_member_is_refused_every_verb_on_anothers_session(lab: Lab):
    for name, row in ROWS.items():
        for ref in ("of-bob", "s1", "of-me") if row.who == OWN and "{ref}" in row.path else ():
            path = row.path.replace("{ref}", ref).replace("{run}", "r1")
            more = {} if row.method == "GET" else {"json": NEEDED.get(name, {})}
            error = assert_error(lab.ask(ALICE, row.method, path, **more), 403, "not_yours", 6)
            assert "you are alice here" in error["message"], name
    store = lab.service.handle.ctx.store
    assert all(each.desired_state == "running" for each in sessions.load_sessions(store))


def test_a_member_ends_their_own_by_name_and_id_and_the_owner_everybodys(lab: Lab):
    assert lab.ask(ALICE, "DELETE", "/api/v1/sessions/of-alice", json={}).json["sessions"] == ["s0"]
    assert lab.ask(BOB, "POST", "/api/v1/sessions/s1/done", json={}).json["sessions"] == ["s1"]
    assert "s2" in lab.ask(lab.service.uid, "POST", "/api/v1/shutdown", json={}).json["sessions"]


def test_changing_another_s_session_by_the_beginning_of_its_name_tells_nothing_away(lab: Lab):
    assert_error(lab.ask(ALICE, "DELETE", "/api/v1/sessions/of-al", json={}), 404, "session_not_found", 3)
    assert_error(lab.ask(ALICE, "GET", "/api/v1/sessions/of-b/why"), 403, "not_yours", 6)
    assert lab.ask(ALICE, "GET", "/api/v1/sessions/of-al/why").status_code == 200


@pytest.mark.parametrize("uid", [STRANGER, None])
def test_whom_the_settings_do_not_name_is_refused_in_words(lab: Lab, uid: int | None):
    for row in ROWS.values():
        error = assert_error(lab.call(uid, row), 403, "not_yours" if uid is None else "not_a_member", 6)
        assert error["hint"]
    if uid is not None:
        assert f"config set members.{STRANGER} NAME" in error["hint"]


def test_a_member_is_named_by_user_or_uid_and_removed_at_once(lab: Lab, write_later: Callable[[str], None]):
    assert lab.ask(BOB, "GET", "/health").status_code == 200
    write_later(f'[members]\n{ALICE} = "alice"\n')
    assert_error(lab.ask(BOB, "GET", "/health"), 403, "not_a_member", 6)
    assert lab.ask(ALICE, "GET", "/health").status_code == 200
    somebody = next(each for each in pwd.getpwall() if each.pw_uid != os.geteuid())
    write_later(f'[members]\n{somebody.pw_name} = "carol"\n')
    assert lab.ask(somebody.pw_uid, "GET", "/health").status_code == 200


def test_while_the_settings_cannot_be_read_no_member_is_let_in(lab: Lab, write_later: Callable[[str], None]):
    write_later(f'[members]\n{ALICE} = "alice"\nnonsense')
    assert "cannot be read" in assert_error(lab.ask(ALICE, "GET", "/health"), 403, "not_a_member", 6)["message"]
    assert lab.ask(lab.service.uid, "GET", "/health").status_code == 200


@pytest.fixture
def write_later(lab: Lab) -> Callable[[str], None]:
    """Write the settings, with another size or time than before."""

    def write(text: str) -> None:
        before = lab.service.home.config_file.stat().st_mtime_ns
        lab.settings(text)
        os.utime(lab.service.home.config_file, ns=(before + 10**9, before + 10**9))

    return write


# ---- what they are shown


def test_members_see_everybodys_rows_without_what_is_others(lab: Lab):
    rows = {row["name"]: row for row in lab.ask(ALICE, "GET", "/api/v1/sessions").json["sessions"]}
    assert set(rows) == {"of-alice", "of-bob", "of-me"}
    assert SECRET in str(rows["of-alice"])
    assert rows["of-alice"]["ssh_host"] == "1.2.3.4"
    for name in ("of-bob", "of-me"):
        assert not any(word in str(rows[name]) for word in (SECRET, "ghcr.io", "1.2.3.4"))
        assert rows[name]["rate"] == rows["of-alice"]["rate"]
        assert lab.ask(ALICE, "GET", f"/api/v1/sessions/{name}").json == rows[name]
    assert SECRET in lab.ask(lab.service.uid, "GET", "/api/v1/sessions").text


def test_the_history_has_their_own_sessions_alone_and_its_cursor_goes_on(lab: Lab):
    found = lab.ask(ALICE, "GET", "/api/v1/events").json
    assert [each["text"] for each in found["events"]] == ["told of alice"]
    assert found["next"] == lab.ask(lab.service.uid, "GET", "/api/v1/events").json["next"]
    assert_error(lab.ask(ALICE, "GET", "/api/v1/events?session=of-bob"), 403, "not_yours", 6)


def test_alarms_are_those_of_own_sessions_and_those_that_concern_all(lab: Lab):
    rows = lab.ask(ALICE, "GET", "/api/v1/alarms").json["alarms"]
    assert [each["text"] for each in rows] == ["alarm of alice", "degraded, of an account or of this server"]
    assert rows[1]["hint"] == "the owner of this daemon can see to it"
    assert lab.ask(ALICE, "GET", "/api/v1/status").json["alarms"] == 2
    assert len(lab.ask(lab.service.uid, "GET", "/api/v1/alarms").json["alarms"]) == 5


def test_what_was_sent_is_shown_for_an_own_session_alone(lab: Lab):
    assert_error(lab.ask(ALICE, "GET", "/api/v1/custody"), 403, "owner_only", 6)
    assert_error(lab.ask(ALICE, "GET", "/api/v1/custody?session=of-bob"), 403, "not_yours", 6)
    assert_error(lab.ask(ALICE, "GET", "/api/v1/custody?host=v:1"), 403, "owner_only", 6)
    assert lab.ask(ALICE, "GET", "/api/v1/custody?session=of-alice").status_code == 200


def test_accounts_are_shown_without_id_balance_and_place_of_the_key(lab: Lab):
    for path in ("/api/v1/status", "/api/v1/providers"):
        (account,) = lab.ask(ALICE, "GET", path).json["providers"]
        assert (account["account"], account["balance"], account["key_source"], account["key_hint"]) == (
            "",
            None,
            "",
            "",
        )
        assert account["state"] == "keyless"


def test_texts_of_clouds_and_hosts_are_shown_with_an_own_session_alone(lab: Lab):
    """They name images, addresses, account ids and the file of a key."""
    ctx = lab.service.handle.ctx
    for number in (0, 1):
        raw(ctx.store, "UPDATE attempts SET provider_status = 'pulling private:1' WHERE id = ?", f"a{number}")
    insert = "INSERT INTO alarms (kind, subject, text, hint, evidence, raised_at) VALUES (?, ?, ?, 'h', '{}', 1)"
    raw(ctx.store, insert, "ssh_unreachable", "a0", "no way to 1.2.3.4")
    raw(ctx.store, insert, "ssh_unreachable", "a1", "no way to 5.6.7.8")
    raw(ctx.store, insert, "not_pulled", "s1", "into /home/owner")
    raw(ctx.store, insert, "key_rejected", "vast", "the key is of 7001")
    rows = {row["name"]: row for row in lab.ask(ALICE, "GET", "/api/v1/sessions").json["sessions"]}
    assert "private:1" in str(rows["of-alice"]) and "private:1" not in str(rows["of-bob"])
    assert rows["of-bob"]["waiting_for"] == "" != rows["of-alice"]["waiting_for"]
    shown = lab.ask(ALICE, "GET", "/api/v1/alarms").json["alarms"]
    assert [each["kind"] for each in shown] == ["missing", "degraded", "ssh_unreachable", "key_rejected"]
    assert shown[2]["text"] == "no way to 1.2.3.4"
    assert not any(word in str(shown) for word in ("5.6.7.8", "/home/owner", "7001", "vast"))
    assert "7001" in lab.ask(lab.service.uid, "GET", "/api/v1/alarms").text


def test_a_member_s_request_tells_nothing_of_keys_and_makes_none_be_looked_for(lab: Lab):
    assert "X-Gpu-Shopper-Keyless" not in lab.ask(ALICE, "GET", "/api/v1/sessions").headers
    assert "X-Gpu-Shopper-Keyless" in lab.ask(lab.service.uid, "GET", "/api/v1/sessions").headers


# ---- what they rent


@pytest.fixture
def renting(home: Path, wait_until: Callable[..., None]) -> Iterator[Lab]:
    def step() -> bool:
        engine.step()
        return engine.is_ready()

    with engine_and_service(EmptyAccount()) as (engine, service):
        wait_until(step)
        yield Lab(service)


def planned(lab: Lab, uid: int) -> dict[str, Any]:
    """The body that rents what a plan shows."""
    plan = lab.ask(uid, "POST", "/api/v1/plan", json={"search": {"gpu": "RTX 4090"}})
    return {**asdict(ProvisionRequest(offers=[], disk_gb=20)), "offers": plan.json["offers"]}


def rent(lab: Lab, uid: int, **changes: Any) -> Any:
    return lab.ask(uid, "POST", "/api/v1/sessions", json={**planned(lab, uid), **changes})


@pytest.mark.parametrize("said", ["me", "alice"])
def test_a_member_rents_as_the_consumer_that_they_are(renting: Lab, said: str):
    made = rent(renting, ALICE, consumer=said)
    assert made.status_code == 202, made.text
    (ref,) = made.json["sessions"]
    assert renting.ask(BOB, "GET", f"/api/v1/sessions/{ref}").json["consumer"] == "alice"


@pytest.mark.parametrize("forged", ["bob", "root", "Alice", "alice "])
def test_a_forged_consumer_is_refused_and_nothing_is_rented(renting: Lab, forged: str):
    before = renting.ask(ALICE, "GET", "/api/v1/sessions").json
    error = assert_error(rent(renting, ALICE, consumer=forged), 403, "not_yours", 6)
    assert "you rent as alice here" in error["message"]
    plan = asdict(PlanRequest(consumer=forged))
    assert_error(renting.ask(ALICE, "POST", "/api/v1/plan", json=plan), 403, "not_yours", 6)
    assert renting.ask(ALICE, "GET", "/api/v1/sessions").json == before


def test_the_same_word_of_another_member_is_another_request(renting: Lab):
    """A script that a whole lab uses may have one key for all; nobody is answered with another's rental."""
    word, refs = {"Idempotency-Key": "night-run-1"}, []
    body = planned(renting, ALICE)
    for uid in (ALICE, BOB, renting.service.uid, ALICE):
        answer = renting.ask(uid, "POST", "/api/v1/sessions", json=body, headers=word)
        refs += answer.json["sessions"]
    assert len(set(refs)) == 3 and refs[0] == refs[3]
    whose = [renting.ask(BOB, "GET", f"/api/v1/sessions/{ref}").json["consumer"] for ref in refs]
    assert whose == ["alice", "bob", "me", "alice"]


def test_what_was_rented_is_answered_again_by_a_daemon_that_was_started_since(renting: Lab):
    word, body = {"Idempotency-Key": "night-run-1"}, planned(renting, ALICE)
    first = renting.ask(ALICE, "POST", "/api/v1/sessions", json=body, headers=word).json
    service = renting.service
    renting.app = build_app(for_members(service), MemberList(service.home, service.uid))
    assert renting.ask(ALICE, "POST", "/api/v1/sessions", json=body, headers=word).json == first
    assert_error(renting.ask(ALICE, "POST", "/api/v1/sessions", json=body), 409, "plan_too_old", 7)


@pytest.mark.parametrize(
    "forged",
    [{"gpu_rate": 1000, "rate": 11_000}, {"storage_gb_month": 0}, {"upload_gb": 1}, {"offer_id": "2", "key": "vast:2"},
     {"seen_at": 2**52}],
)  # fmt: skip
def test_a_member_rents_at_the_price_and_the_terms_that_were_shown(renting: Lab, forged: dict[str, Any]):
    """Budgets are held by what the offer says: one of a member's own making would pass each."""
    body = planned(renting, ALICE)
    body["offers"] = [{**each, **forged} for each in body["offers"]]
    error = assert_error(renting.ask(ALICE, "POST", "/api/v1/sessions", json=body), 409, "plan_too_old", 7)
    assert "none that a plan" in error["message"]
    assert renting.ask(renting.service.uid, "POST", "/api/v1/sessions", json=body).status_code == 202


def test_a_member_stays_who_they_are_under_a_new_name_of_their_consumer(renting: Lab):
    rename_consumer(renting.service.handle, "alice", "alicia", None)
    (ref,) = rent(renting, ALICE).json["sessions"]
    assert renting.ask(ALICE, "GET", f"/api/v1/sessions/{ref}").json["consumer"] == "alicia"
    assert renting.ask(ALICE, "DELETE", f"/api/v1/sessions/{ref}", json={}).status_code == 202
    assert renting.ask(ALICE, "DELETE", "/api/v1/sessions/of-alice", json={}).status_code == 202


@pytest.mark.parametrize("what", [{"image_login": True}, {"pulls": [["/root/out", "/etc/cron.d"]]}])
def test_neither_the_owner_s_logins_nor_their_files_are_a_member_s(renting: Lab, what: dict[str, Any]):
    assert_error(rent(renting, ALICE, **what), 403, "owner_only", 6)


def test_nor_by_a_later_change(lab: Lab):
    body = asdict(LimitsRequest(pulls=[("/root/out", "/etc/cron.d")]))
    assert_error(lab.ask(ALICE, "PUT", "/api/v1/sessions/of-alice/limits", json=body), 403, "owner_only", 6)


def test_members_take_no_place_of_the_owner_s_where_a_cloud_is_waited_for(lab: Lab):
    theirs = for_members(lab.service)
    for _ in range(SLOW_OF_MEMBERS):
        assert theirs.slow.acquire(blocking=False)
    assert not theirs.slow.acquire(blocking=False)
    assert lab.service.slow.acquire(blocking=False)


def test_the_owner_s_own_socket_admits_nobody_else(lab: Lab):
    api: FlaskClient = build_app(lab.service).test_client()
    found = api.get(routes.HEALTH.path, environ_overrides={"X_REMOTE_UID": str(ALICE)})
    assert_error(found, 403, "not_yours", 6)
    assert api.get(routes.HEALTH.path).status_code == 200


def test_no_member_fills_the_room_that_the_records_of_ends_need(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    """A thousand names of a thousand characters a request, kept for ever (F67)."""
    sent = {"attempt": "a0", "means": "cp", "target": "/", "files": ["n" * 1000] * 900}
    assert lab.ask(ALICE, "POST", "/api/v1/sessions/of-alice/sent", json=sent).status_code == 200
    monkeypatch.setattr(Store, "free_bytes", lambda _: FREE_FLOOR - 1)
    assert_error(lab.ask(ALICE, "POST", "/api/v1/sessions/of-alice/sent", json=sent), 507, "disk_full", 1)
    assert_error(
        lab.ask(ALICE, "PUT", "/api/v1/sessions/of-alice/tags", json={"tags": {"a": "b"}}), 507, "disk_full", 1
    )
    assert lab.ask(ALICE, "DELETE", "/api/v1/sessions/of-alice", json={}).status_code == 202


def test_what_was_checked_is_what_is_meant(lab: Lab):
    """The handler gets the session's id: its name may be another's by the time that it looks."""
    ctx, alice = lab.service.handle.ctx, Caller("alice", "alice")
    assert requests.check(ctx, alice, routes.DELETE, {"ref": "of-alice"}, None, None)[0] == {"ref": "s0"}
    assert requests.check(ctx, Caller(), routes.DELETE, {"ref": "of-bob"}, None, None)[0] == {"ref": "of-bob"}
