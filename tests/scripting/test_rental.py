"""Renting from Python: what is requested, what is waited for, and that whatever is rented is ended."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

import gpushopper
from gpushopper import errors
from gpushopper.client import JsonObject
from gpushopper.scripting import rental
from gpushopper.scripting.command_line import CommandLine, Output
from gpushopper.scripting.session import Session
from gpushopper.scripting.spans import micros
from gpushopper.wire import PlanRequest, ProvisionRequest
from tests.daemon.stand_ins import OFFER

REQUEST = ProvisionRequest(offers=[OFFER], disk_gb=20, name="py-1")


def session(**changed: Any) -> JsonObject:
    base = JsonObject(
        id="s1", name="py-1", status="running", end_stage="", reason="", provider="vast", gpu="RTX 4090", gpu_count=1,
        rate=400_000, accrued=1_234, deadline_at=1_800_000_000_000_000, ended_at=None, attempts=[],
    )  # fmt: skip
    return JsonObject({**base, **changed})


class Api:
    """A daemon whose session goes through these views, and is off once it was ended."""

    def __init__(self, *views: Any) -> None:
        self.views = list(views)
        self.ended: list[tuple[str, bool]] = []
        self.extended: list[int] = []

    def plan(self, request: PlanRequest) -> Any:
        return JsonObject(refusal="too dear", refusal_code="budget", refusal_hint="")

    def provision(self, request: ProvisionRequest) -> Any:
        return JsonObject(sessions=["s1"], event=1)

    def session(self, ref: str) -> Any:
        if self.ended:
            return session(status="stopping", end_stage="off")
        found = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        if isinstance(found, BaseException):
            raise found
        return found

    def done(self, ref: str, reason: str, *, lands: bool) -> Any:
        self.ended.append((ref, lands))
        return JsonObject(sessions=[ref], event=2)

    def extend(self, ref: str, *, add_us: int) -> Any:
        self.extended.append(add_us)
        return session()


class Line(CommandLine):
    """A command line whose commands end in the same way."""

    def __init__(self, status: int = 0, stdout: str = "", stderr: str = "") -> None:
        object.__setattr__(self, "words", ())
        self.given: list[tuple[str, ...]]
        object.__setattr__(self, "given", [])
        object.__setattr__(self, "output", Output(status, stdout, stderr))

    def run(self, *words: str, shows: bool = False) -> Output:
        self.given.append(words)
        return self.output


def test_a_box_is_returned_once_it_is_ready_and_ended_with_its_block():
    api = Api(session(status="pending"), session(status="provisioning"), session())
    with rental.rent(api, Line(), REQUEST, 60) as box:
        assert (box.name, box.status, api.ended) == ("py-1", "running", [])
    assert api.ended == [("s1", True)]


def test_an_error_in_the_block_ends_it_and_stays_the_error():
    api = Api(session())
    with pytest.raises(ZeroDivisionError), rental.rent(api, Line(), REQUEST, 60):
        raise ZeroDivisionError
    assert api.ended == [("s1", True)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), errors.DaemonUnreachable("gone")])
def test_what_is_interrupted_before_it_is_ready_is_ended(interruption: BaseException):
    api = Api(session(status="pending"), interruption)
    with pytest.raises(type(interruption)):
        rental.rent(api, Line(), REQUEST, 60)
    assert api.ended == [("s1", False)]


def test_what_is_not_ready_in_time_is_ended():
    api = Api(session(status="provisioning"))
    with pytest.raises(errors.NotVerified, match="py-1 was not ready after 0 s, and is ended"):
        rental.rent(api, Line(), REQUEST, 0)
    assert api.ended == [("s1", False)]


def test_what_failed_by_itself_is_said():
    api = Api(session(status="failed", reason="boot_failed"))
    with pytest.raises(errors.ProviderFailed, match="py-1 did not become ready"):
        rental.rent(api, Line(), REQUEST, 60)


@pytest.mark.parametrize(
    ("failure", "notes"),
    [
        (KeyboardInterrupt(), ["The request may have been accepted; see: gpu-shopper ls"]),
        (errors.DaemonUnreachable("no answer"), ["The request may have been accepted; see: gpu-shopper ls"]),
        (errors.Refused("too dear"), []),
    ],
)
def test_a_request_without_an_answer_may_have_been_accepted(failure: BaseException, notes: list[str]):
    class Unanswered(Api):
        def provision(self, request: ProvisionRequest) -> Any:
            raise failure

    api = Unanswered(session())
    with pytest.raises(type(failure)) as raised:
        rental.rent(api, Line(), REQUEST, 60)
    assert (getattr(raised.value, "__notes__", []), api.ended) == (notes, [])


def test_an_end_that_fails_too_is_said_with_the_error():
    class Gone(Api):
        def done(self, ref: str, reason: str, *, lands: bool) -> Any:
            raise errors.DaemonUnreachable("no daemon")

    with pytest.raises(KeyboardInterrupt) as raised:
        rental.rent(Gone(KeyboardInterrupt()), Line(), REQUEST, 60)
    assert "its deadline holds" in raised.value.__notes__[0]
    with pytest.raises(ZeroDivisionError) as raised, Session(Gone(session()), Line(), session()):
        raise ZeroDivisionError
    assert raised.value.__notes__ == ["no daemon"]


def test_an_end_that_is_not_seen_is_an_error():
    class Deaf(Api):
        def session(self, ref: str) -> Any:
            return session()

    with pytest.raises(errors.NotVerified, match="it may still bill"):
        Session(Deaf(), Line(), session()).end(wait_s=0)


def test_nothing_is_rented_that_a_budget_refuses():
    with pytest.raises(errors.Refused, match="too dear"):
        rental.plan(Api(session()), PlanRequest())


def test_a_run_has_a_status_and_outputs():
    line = Line(0, "out\n", "err\n")
    found = Session(Api(session()), line, session()).run(["echo", "a b"])
    assert (found.command, found.status, found.stdout, found.stderr) == ("echo 'a b'", 0, "out\n", "err\n")
    Session(Api(session()), line, session()).run("echo $HOME | wc")
    assert line.given == [("run", "s1", "--", "echo", "a b"), ("run", "s1", "--", "sh", "-c", "echo $HOME | wc")]


def test_a_run_that_failed_there_differs_from_one_that_failed_here():
    box = Session(Api(session()), Line(3, "out", "err"), session())
    with pytest.raises(subprocess.CalledProcessError) as failed:
        box.run("false")
    assert (failed.value.returncode, failed.value.output, failed.value.stderr) == (3, "out", "err")
    assert box.run("false", check=False).status == 3
    with pytest.raises(errors.ShopperError, match="cannot reach s1"):
        Session(Api(session()), Line(125, "", "error: cannot reach s1\n"), session()).run("true", check=False)


def test_a_command_that_fails_is_the_error_of_its_exit_status():
    box = Session(Api(session()), Line(3, "", "error: no such file\n"), session())
    with pytest.raises(errors.NotFound, match=r"^no such file$"):
        box.download("x")


def test_a_deadline_is_moved_by_hours_or_a_span():
    api = Api(session())
    box = Session(api, Line(), session())
    assert box.extend(hours=0.5) == box.ends_at
    box.extend(by="1h30m")
    box.extend(by=timedelta(minutes=-5))
    assert api.extended == [1_800_000_000, 5_400_000_000, -300_000_000]
    with pytest.raises(errors.UsageError, match="no span of time"):
        micros("soon")


def test_a_notebook_shows_a_table_and_the_last_view_where_no_daemon_answers():
    box = Session(Api(session(name="<b>")), Line(), session())
    assert "<td>&lt;b&gt;</td>" in box._repr_html_() and "$0.400/h on vast" in repr(box)
    gone = Session(Api(errors.DaemonUnreachable("gone")), Line(), session())
    assert repr(gone).startswith("<Session py-1: running, 1x RTX 4090, $0.400/h on vast, $0.0012 so far, ends ")


def test_the_command_line_runs_in_this_python():
    found = CommandLine().run("--version")
    assert (found.status, found.stdout.split()[-1], found.stderr) == (0, gpushopper.__version__, "")
    assert CommandLine(("--sandbox",)).run("nonsense").status == 2


def test_the_package_is_imported_without_all_this():
    program = "import gpushopper, sys; print(len([m for m in sys.modules if m.startswith('gpushopper')]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "1"
    assert gpushopper.Client is rental.Client
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = gpushopper.Nothing  # type: ignore[attr-defined]
