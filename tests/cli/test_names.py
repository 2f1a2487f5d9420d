"""Nothing else than what was typed: the command, and what stands on the market before and after it."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

LIFE = ("--gpu", "RTX 4090", "--hours", "2", "--yes")
EXACT = r"no session named exp; did you mean exp10\?"
EMPTY = r"the name is empty \(an unset variable\?\)"
SHORT = "less than a minute"
OURS = {"exp10", "other", "gone"}


class Row(NamedTuple):
    """A command line, its exit status and what it says on stderr; what it ends is nothing."""

    line: str
    code: int
    says: str


def row(line: str, code: int, says: str = "") -> Any:
    return pytest.param(Row(line, code, says), id=line or "-")


@pytest.fixture(scope="module")
def rented(market: Shell) -> dict[str, str]:
    """Two sessions that are ready and one that has ended; ids by name."""
    for name in ("gone", "other"):
        assert market("provision", *LIFE, "--name", name, "--no-wait").code == 0
    assert market("provision", *LIFE, "--name", "exp10").code == 0
    assert market("wait", "other", "--for", "ready").code == 0
    assert market("shutdown", "gone", "--yes").code == 0
    found = market("sessions", "-a", "--json").json["sessions"]
    return {session["name"]: session["id"] for session in found}


@pytest.fixture
def gs(market: Shell, rented: dict[str, str]) -> Inside:
    return Inside(market.home, "--sandbox")


def standing(gs: Inside, names: set[str] = OURS) -> dict[str, tuple[str, str]]:
    """What the market itself shows as not ended: name to the GPUs it has and the end we hold for it."""
    ledger = json.loads(gs("sandbox", "ledger", "--json").out)["instances"]
    alive = {each["id"] for each in ledger if each["ended_at"] is None}
    rows = json.loads(gs("sessions", "-a", "--json").out)["sessions"]
    return {
        each["name"]: (f"{each['gpu_count']}x {each['gpu']}", each["deadline_at"])
        for each in rows
        if each["name"] in names and any(attempt["instance_id"] in alive for attempt in each["attempts"])
    }


# ---- commands that change nothing, whatever they were meant to do

ACTING = [
    row("shutdown exp --yes", 3, EXACT),
    row("shutdown exp --yes --force", 3, EXACT),
    row("shutdown exp --dry-run", 3, EXACT),
    row("shutdown exp nosuch --yes", 3, EXACT),
    row("shutdown exp nosuch --yes --json", 3, "no session is called 'nosuch'"),
    row("shutdown exp '' --yes", 2, EXACT),
    row("done exp --yes", 3, EXACT),
    row("sessions done exp --yes", 3, EXACT),
    row("sessions delete exp --yes", 3, EXACT),
    row("extend exp --for 1h", 3, EXACT),
    row("sessions extend exp --until 23:59", 3, EXACT),
    row("ssh exp", 125, EXACT),
    row("ssh exp -- true", 125, EXACT),
    row("run exp -- true", 125, EXACT),
    row("run --rm exp -- true", 125, EXACT),
    row("cp pyproject.toml exp:x", 3, EXACT),
    row("cp pyproject.toml exp10:x --exclude ''", 2, r"pattern of --exclude is empty"),
    row("cp exp:x .", 3, EXACT),
    row("shutdown EXP10 --yes", 3, "no session is called 'EXP10'"),
    row("shutdown gon --yes", 3, r"no session named gon; did you mean gone\?"),
    row("shutdown gone --yes", 0, ""),
    row("extend gone --for 1h", 6, "ending or has ended"),
    row("shutdown exp nosuch --yes", 3, EXACT),
]
SHOWING = [
    row("get exp", 0),
    row("receipt exp", 8, "it has not been ended"),
    row("costs -s exp", 0),
    row("events -s exp", 0),
    row("logs exp", 6, "exp10 is in a sandbox"),
]
NAMELESS = [
    row(f"{command}", code, EMPTY)
    for command, code in {
        "shutdown '' --yes": 2, "shutdown '' '' --yes": 2, "done '' --yes": 2, "sessions delete '' --yes": 2,
        "extend '' --for 1h": 2, "get ''": 2, "receipt ''": 2, "ssh ''": 125, "ssh '' -- true": 125,
        "run '' -- true": 125, "logs ''": 2, "cp pyproject.toml :x": 2, "cp :x .": 2, "events -s ''": 2,
        "costs -s ''": 2, "provision -g 4090 --yes --name ''": 2,
    }.items()
]  # fmt: skip
RENTING = [
    *(row(f"provision -g 4090 --yes --name {name}", 2, "cannot be a session's name|looks like the id")
      for name in ("../x", "a:b", "a/b", "Exp", "a_b", "'a b'", "Zürich", "a" * 42, "abcdefghijklmnop", "-x")),
    row("provision --yes", 2, "which GPU"),
    row("plan", 2, "which GPU"),
    row("plan --min-vram 40", 2, "which GPU"),
    row("provision -g '' --yes", 2, "GPU is empty"),
    row("provision -g a100:2 --gpus 4 --yes", 2, "two different numbers of GPUs"),
    row("provision -g a100:2 --min-gpus 2 --yes", 2, "two different numbers of GPUs"),
    row("provision -g a100:2,h100:4 --yes", 2, "2 and for 4 GPUs"),
    row("provision -g a100:0 --yes", 2, "number of GPUs"),
    row("provision -g 4009 --yes", 3, r"did you mean RTX 4090,"),
    row("provision -g '4090,nosuch9' --yes", 3, "'nosuch9'"),
    row("provision -g a100-40gb --yes", 7, "no offer fits"),
    *(row(f"provision -g 4090 --yes --image {image}", 2, "image|tag|digest")
      for image in ("'img tag'", "img:", ":latest", "a:b:c", "\"'img'\"", "https://ghcr.io/a/b", "img@sha256:abc",
                    "Team/x", "''")),
    *(row(f"provision -g 4090 --yes {life}", 2, SHORT) for life in ("-t 1e-9", "-t 0.001", "--for 30s", "--for 59s")),
    *(row(f"provision -g 4090 --yes {life}", 2, "invalid value|hours is too long")
      for life in ("-t -1", "-t nan", "-t inf", "-t 1e300", "-t 0", "--for -5m", "--for 0s", f"--for {'9' * 400}h")),
    row("extend exp10 --for 30s", 2, SHORT),
    row("extend exp10 -t 1e-9", 2, SHORT),
]  # fmt: skip


def words(line: str) -> list[str]:
    return shlex.split(line)


@pytest.mark.parametrize("case", [*ACTING, *SHOWING, *NAMELESS, *RENTING])
def test_an_inexact_name_changes_nothing(gs: Inside, case: Row):
    before, count = standing(gs), len(json.loads(gs("sessions", "-a", "--json").out)["sessions"])
    assert set(before) == {"exp10", "other"}
    ran = gs(*words(case.line))
    assert ran.code == case.code, ran
    assert re.search(case.says, ran.err), ran
    assert standing(gs) == before
    assert len(json.loads(gs("sessions", "-a", "--json").out)["sessions"]) == count


def test_the_beginning_of_an_id_ends_nothing_and_shows_it(gs: Inside, rented: dict[str, str]):
    begin = rented["exp10"][:9]
    ran = gs("shutdown", begin, "--yes")
    assert ran.code == 3 and f"no session named {begin}; did you mean exp10?" in ran.err
    assert gs("get", begin, "-o", "name").out == "exp10\n"
    assert set(standing(gs)) == {"exp10", "other"}


@pytest.mark.parametrize(
    "line", ["shutdown exp --yes", "done exp --yes", "sessions delete exp", "extend exp --for 1h", "set exp --idle 1h"]
)
def test_on_a_terminal_the_session_found_is_confirmed(gs: Inside, line: str):
    before = standing(gs)
    ran = gs(*words(line), answer="n\n")
    assert ran.code == 1 and "Cancelled. Nothing was d" in ran.err
    assert "no session named exp, but exp10: 1x RTX 4090 on vast, running" in ran.err
    assert "Do you mean exp10? [y/N]" in ran.err
    assert standing(gs) == before


def test_a_confirmed_prefix_extends_that_session(gs: Inside):
    before = standing(gs)
    assert gs("extend", "exp", "--for", "10m", answer="y\ny\n").code == 0
    after = standing(gs)
    assert after["exp10"] > before["exp10"] and after["other"] == before["other"]


def test_extend_shows_time_and_money_and_asks(gs: Inside):
    before = standing(gs)
    shown = gs("extend", "exp10", "--for", "1h", "--dry-run")
    assert shown.code == 0 and re.search(r"exp10: \+1h, until .*, at most \$\d.* -> \$\d", shown.out), shown
    assert gs("extend", "exp10", "--for", "1h").code == 2, "not a terminal: --yes"
    assert gs("extend", "exp10", "--for", "1h", answer="n\n").code == 1
    assert standing(gs) == before
    assert "+1h" in gs("extend", "exp10", "--for", "1h", "--yes").err
    assert standing(gs)["exp10"] > before["exp10"]


def test_extend_never_shortens_silently(gs: Inside):
    before = standing(gs)
    soon = (datetime.now(UTC) + timedelta(minutes=20)).isoformat(timespec="seconds")
    ran = gs("extend", "exp10", "--until", soon, answer="n\n")
    assert ran.code == 1 and "exp10: -" in ran.err and "End it earlier?" in ran.err
    assert standing(gs) == before


def test_set_changes_limits_in_place_and_get_shows_them(gs: Inside):
    assert gs("set", "exp10", "--idle", "1h", "--contact", "4h", "--idle-when", "gpu").code == 0
    found = json.loads(gs("get", "exp10", "--json").out)["session"]["limits"]
    assert (found["idle_seconds"], found["contact_seconds"], found["idle_when"]) == (3600, 14400, "gpu")
    shown = gs("get", "exp10").out
    assert re.search(r"early ends +idle 1h, contact 4h \(GPUs alone count as use\)", shown), shown
    assert re.search(r"watched +no: a simulated instance has no use to measure", shown), shown
    assert gs("set", "exp10", "--idle", "off", "--contact", "off").code == 0
    assert json.loads(gs("get", "exp10", "--json").out)["session"]["limits"]["idle_seconds"] is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("set exp10", "nothing to change"),
        ("set exp10 --idle 3s", "at least 10 s"),
        ("set exp10 --contact 99d", "31 days"),
        ("set exp10 --hold 2h", "nothing to pull"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(gs: Inside, line: str, says: str):
    ran = gs(*words(line))
    assert ran.code == 2 and says in ran.err, ran


def test_on_a_terminal_the_gpu_is_prompted_for(gs: Inside):
    ran = gs("plan", answer="RTX 4080 SUPER\n")
    assert ran.code == 0 and "Which GPU" in ran.err and "RTX 4080S " in ran.out


# ---- commands that rent and end exactly what they say


V100 = {"Tesla V100", "V100 SXM"}
"""One card, as two clouds spell it."""


@pytest.mark.proofs  # the market lets us search once in six seconds; tests/engine/test_search_criteria.py is quick
@pytest.mark.parametrize(
    ("line", "gpus", "counts"),
    [("-g v100", V100, {1}), ("-g v100:2", V100, {2}),
     ("-g t4 -g 4080s", {"Tesla T4", "RTX 4080S"}, {1})],
)  # fmt: skip
def test_a_plan_holds_the_gpus_and_the_number_that_were_typed(gs: Inside, line: str, gpus: set[str], counts: set[int]):
    offers = json.loads(gs("plan", *words(line), "--max-price", "100", "--json").out)["plan"]["offers"]
    assert {offer["gpu"] for offer in offers} <= gpus and offers
    assert {offer["gpu_count"] for offer in offers} == counts


@pytest.mark.proofs
def test_an_offer_by_its_id_must_be_what_else_was_typed(gs: Inside):
    key = json.loads(gs("plan", "-g", "v100:2", "--json").out)["plan"]["offers"][0]["key"]
    assert gs("plan", "--offer", key).code == gs("plan", "--offer", key, "-g", "V100", "--gpus", "2").code == 0
    for more in (["-g", "4090"], ["--gpus", "1"], ["--min-gpus", "4"], ["--max-price", "0.01"]):
        ran = gs("plan", "--offer", key, *more)
        assert ran.code == 7 and "does not match the request" in ran.err, ran


@pytest.mark.proofs
def test_without_a_number_one_gpu_is_rented(gs: Inside):
    assert gs("provision", "-g", "v100", "-t", "1", "--yes", "--name", "single").code == 0
    assert standing(gs, {"single"})["single"][0] == "1x Tesla V100"
    assert gs("shutdown", "single", "--yes").code == 0
    assert standing(gs, {"single"}) == {}


def test_known_names_are_ended_and_unknown_ones_listed(gs: Inside):
    before = standing(gs)
    for name in ("one", "two"):
        assert gs("provision", *LIFE, "--name", name, "--no-wait").code == 0
    ran = gs("shutdown", "one", "exp", "two", "nosuch", "--yes")
    assert ran.code == 3, ran
    assert re.search(EXACT, ran.err) and "no such session, so not ended: exp, nosuch" in ran.err
    assert standing(gs, OURS | {"one", "two"}) == before


def test_an_unset_variable_beside_a_name_is_a_usage_error_and_saves_nothing(gs: Inside):
    assert gs("provision", *LIFE, "--name", "three", "--no-wait").code == 0
    assert gs("shutdown", "three", "", "--yes").code == 2
    assert standing(gs, {"three"}) == {}


ODD = ("../x", "a:b", "a/b", "-x", "a b", "Zürich", "..", "a%2Fb", "x/done", "?q=1", "Exp10")


@pytest.mark.proofs  # restarts the daemon; tests/daemon/test_api_names.py has the same names
def test_sessions_of_other_names_are_shown_and_ended_by_them(
    gs: Inside, market: Shell, wait_until: Callable[..., None]
):
    """Earlier versions took any name: rows put into the database, read by the daemon over its real socket."""
    for number in range(len(ODD)):
        assert gs("provision", *LIFE, "--name", f"odd-{number}", "--no-wait").code == 0
    assert gs("daemon", "stop").code == 0
    with closing(sqlite3.connect(market.home / "sandbox" / "gpu-shopper.db")) as database, database:
        for number, name in enumerate(ODD):
            database.execute("UPDATE sessions SET name = ? WHERE name = ?", (name, f"odd-{number}"))
    assert market("ls").code == 0  # starts the daemon again
    for name in ODD:
        assert json.loads(gs("get", "--json", "--", name).out)["session"]["name"] == name
        ran = gs("shutdown", "--yes", "--no-wait", "--", name)
        assert ran.code == 0 and f"Will destroy {name}: " in ran.err, ran
    wait_until(lambda: standing(gs, OURS | set(ODD)).keys() == {"exp10", "other"}, timeout_s=60)
