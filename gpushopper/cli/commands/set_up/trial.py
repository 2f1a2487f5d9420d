"""`doctor --trial`: one short session on a real account, and whether what we rely on is so there (D17).

Its deadline stands before anything is rented, a budget of its own bounds what it may cost, and it is ended whatever
happens. Everything goes through the daemon, as for any session.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from gpushopper import config
from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up.doctor_checks import Check, check
from gpushopper.cli.input.charging import consumer_of
from gpushopper.cli.input.prompts import confirm
from gpushopper.cli.output import session_views
from gpushopper.cli.output.progress_display import NoProgress, ProgressDisplay, progress_for
from gpushopper.cli.output.session_phases import show_ending_progress, show_provisioning_progress
from gpushopper.cli.output.session_views import gpu, is_guard_in_sync
from gpushopper.cli.output.text_format import money, per_hour
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NoOffer, NotVerified, Refused, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.wire import Plan, ProvisionRequest, SessionView

LENGTH_US, SHORTER_US = 30 * MINUTE, 5 * MINUTE
"""How long it may live at most, and by how much its deadline is moved to see whether the guard follows."""
READY_LIMIT_S, CONFIRM_LIMIT_S, OFF_LIMIT_S, PROOF_LIMIT_S = 1800.0, 180.0, 300.0, 1200.0
SSH_LIMIT_S = 60
TAG = "trial"


def trial(app: App, cloud: str, most: int, yes: bool) -> list[Check]:
    """Rent the cheapest offer there, check, end it, and return what was found; `most` in micro-dollars.

    Raises:
        Refused: it could cost more, or would not be rented; nothing was.
        Declined, UsageError: its user does not want it, or cannot be asked.
        NoOffer: the cloud has none now.
    """
    name = f"trial-{secrets.token_hex(3)}"
    plan = _plan(app, cloud, name)
    _refuse(plan, cloud, most)
    first = plan.offers[0]
    app.note(f"{name}: {first.gpu_count}x {first.gpu} on {first.provider}, for {span(LENGTH_US)} at most")
    if not yes and not app.is_interactive():
        raise UsageError("not a terminal: add --yes", f"it is rented then, for at most {money(plan.max_cost)}")
    confirm(app, f"Rent it, for at most {money(plan.max_cost)}, and end it again?", yes, "Nothing was rented.")
    with _signals_end_it(), _budget(app, name, most):
        return _Trial(app, name, most).run(plan)


def _plan(app: App, cloud: str, name: str) -> Plan:
    from gpushopper.wire import PlanRequest, SearchRequest

    offers = app.client.inventory(SearchRequest(provider=cloud, limit=1)).offers
    if not offers:
        raise NoOffer(f"{cloud} has no offer now", f"see: gpu-shopper inventory -p {cloud}")
    request = PlanRequest(
        offer=offers[0].key, duration_us=LENGTH_US, retries=0, to_rent=True, tags={TAG: name}, consumer=_consumer(app)
    )
    return app.client.plan(request)


def _consumer(app: App) -> str:
    return consumer_of(None, config.load(app.home))


def _refuse(plan: Plan, cloud: str, most: int) -> None:
    if plan.refusal_code == "unguarded":
        raise Refused(plan.refusal, "a trial needs a cloud whose instances can end themselves", code=plan.refusal_code)
    if plan.refusal:
        raise Refused(plan.refusal, plan.refusal_hint or "see: gpu-shopper status", code=plan.refusal_code or "refused")
    if plan.max_cost > most:
        text = f"the cheapest offer at {cloud} may cost {money(plan.max_cost)}, more than {money(most)}"
        raise Refused(text, "nothing was rented; give more with --max-usd", code="trial_too_dear")


@contextmanager
def _budget(app: App, name: str, most: int) -> Iterator[None]:
    """A budget for this session alone, for as long as the trial lasts."""
    app.client.set_budget(name, {"scope_kind": "tag", "scope": f"{TAG}={name}", "session": most, "at_100": "stop"})
    try:
        yield
    finally:
        app.client.remove_budget(name)


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """A kill and a closed terminal end the session first, as Ctrl-C does, instead of leaving that to its deadline."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Trial:
    """One trial; each step is a check, and none that fails keeps the session from being ended."""

    def __init__(self, app: App, name: str, most: int) -> None:
        self._app = app
        self._name = name
        self._most = most
        self._ref = ""
        self._progress: ProgressDisplay = NoProgress()
        self._is_ready = False

    def run(self, plan: Plan) -> list[Check]:
        """Every check that could be made; one display has all steps, so that each is shown once."""
        with progress_for(self._app) as self._progress:
            return self._checks(plan)

    def _checks(self, plan: Plan) -> list[Check]:
        app = self._app
        app.interrupt_hint = (
            f"it is being ended, and ends at its deadline in any case; see: gpu-shopper get {self._name}"
        )
        self._ref = self._name  # where no answer comes, it may have been accepted: ended by its name, which is its own
        try:
            self._ref = app.client.provision(self._request(plan)).sessions[0]
            checks = [self._step("ready", self._ready)]
            if checks[0]["ok"]:
                steps = [("label", self._label), ("guard", self._guard), ("ssh", self._ssh), ("deadline", self._moved)]
                checks += [self._step(name, made) for name, made in steps]
        finally:
            with suppress(ShopperError):  # its deadline ends it then; the steps below say that it has not ended
                app.client.done(self._ref, "user")
        ending = [
            ("off", self._off),
            ("proof", self._proof),
            ("nothing left", self._nothing_left),
            ("cost", self._cost),
        ]
        checks += [self._step(name, made) for name, made in ending]
        app.interrupt_hint = ""
        return checks

    def _request(self, plan: Plan) -> ProvisionRequest:
        from gpushopper.wire import ProvisionRequest

        return ProvisionRequest(
            offers=plan.offers[:1], disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=LENGTH_US,
            image=plan.named_image, retries=0, name=self._name, tags={TAG: self._name},
            consumer=_consumer(self._app),
        )  # fmt: skip

    def _step(self, name: str, made: Callable[[], Check]) -> Check:
        try:
            return made()
        except ShopperError as error:
            return check(name, False, error.message, error.hint)

    @property
    def _session(self) -> SessionView:
        return self._app.client.session(self._ref)

    def _until(self, is_so: Callable[[SessionView], bool], limit_s: float, late: str) -> SessionView:
        """Poll until the session is so, with its progress shown; raises NotVerified."""
        latest: list[SessionView] = []

        def look() -> bool:
            latest[:] = [self._session]
            self._show(latest[0])
            return is_so(latest[0])

        try:
            poll(look, limit_s)
        except WaitTimeout as timeout:
            text = f"{late} after {span(int(limit_s * SECOND))}"
            raise NotVerified(text, f"see: gpu-shopper get {self._name}") from timeout
        return latest[0]

    def _show(self, session: SessionView) -> None:
        """Its next step; while it runs, nothing that this display has shown: its deadline moves meanwhile."""
        if session.end_stage:
            show_ending_progress(self._progress, session, self._app.now().wall)
        elif session.status != "running" or not self._is_ready:
            self._is_ready = session.status == "running"
            show_provisioning_progress(self._progress, session, self._app.now().wall)

    def _ready(self) -> Check:
        began = self._app.now().boot
        found = self._until(lambda s: s.status not in ("pending", "provisioning"), READY_LIMIT_S, "not ready")
        took = span(self._app.now().boot - began)
        text = f"{gpu(found)}, {per_hour(found.rate)}, after {took}"
        return check("ready", found.status == "running", text if found.status == "running" else found.reason,
                     f"see: gpu-shopper events -s {self._name}")  # fmt: skip

    def _label(self) -> Check:
        (attempt,) = self._session.attempts
        rows = [row for row in self._app.client.audit().rows if row.instance_id == attempt.instance_id]
        is_there = [row.kind for row in rows] == ["ours"] and attempt.label in rows[0].label
        text = f"instance {attempt.instance_id} is listed with {attempt.label}"
        lacking = f"instance {attempt.instance_id} is not listed with its label"
        return check("label", is_there, text if is_there else lacking, "see: gpu-shopper audit")

    def _guard(self) -> Check:
        found = self._session
        if found.guard_state == "not_applicable":
            return check("guard", False, "none: a simulated instance has none", "use a live one", optional=True)
        is_armed = bool({"I", "P"} & set(found.guards.split("+")))
        return check("guard", is_armed, f"guards {session_views.guards(found)}, {found.guard_state}",
                     "without this computer nothing ends an instance there")  # fmt: skip

    def _ssh(self) -> Check:
        if self._session.guard_state == "not_applicable":
            return check("ssh", False, "none: a simulated instance has none", "use a live one", optional=True)
        sandbox = ["--sandbox"] * self._app.use_sandbox
        command = [sys.executable, "-P", "-m", "gpushopper.cli", *sandbox, "ssh", self._ref, "--", "true"]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SSH_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return check("ssh", False, "a login did not answer in time", f"try: gpu-shopper ssh {self._name}")
        said = done.stderr.decode(errors="replace").strip().splitlines()
        text = "a command ran there" if not done.returncode else (said[0] if said else "it failed")
        return check("ssh", not done.returncode, text, "the instance ends all the same")

    def _moved(self) -> Check:
        """An earlier deadline, which costs nothing, is confirmed by the guard."""
        wanted = (self._session.deadline_at or 0) - SHORTER_US
        self._progress.step("deadline", "moving its deadline, until the guard confirms it")
        self._app.client.extend(self._ref, deadline_at=wanted)
        found = self._until(is_guard_in_sync, CONFIRM_LIMIT_S, "the guard has not confirmed another deadline")
        return check("deadline", found.deadline_at == wanted, "moved, and confirmed", "the former one holds")

    def _off(self) -> Check:
        began = self._app.now().boot
        self._until(lambda s: s.end_stage in ("off", "proven"), OFF_LIMIT_S, "still listed")
        return check("off", True, f"no longer listed, after {span(self._app.now().boot - began)}")

    def _proof(self) -> Check:
        found = self._until(lambda s: s.end_stage == "proven", PROOF_LIMIT_S, "its end is not proven")
        kinds = {str((each.receipt or {}).get("kind")) for each in found.attempts}
        return check("proof", kinds <= {"proven"}, f"receipt: {', '.join(sorted(kinds))}",
                     f"see: gpu-shopper receipt {self._name}")  # fmt: skip

    def _nothing_left(self) -> Check:
        left = [row for row in self._app.client.audit().rows if row.session == self._name]
        what = ", ".join(f"{row.status} {row.instance_id}" for row in left)
        return check("nothing left", not left, what or "neither instance, key nor disk", "see: gpu-shopper audit")

    def _cost(self) -> Check:
        cost = self._session.accrued
        text = f"{money(cost)} of at most {money(self._most)}; the bill: gpu-shopper costs --verify"
        return check("cost", cost <= self._most, text, "see: gpu-shopper costs")
