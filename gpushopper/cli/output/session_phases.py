"""Progress texts of a session while it is provisioned and while it ends; the error when it did not become ready."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from gpushopper.cli.output.endings import landing_view
from gpushopper.cli.output.session_views import outcome, waiting
from gpushopper.cli.output.text_format import money, per_hour, when
from gpushopper.cli.terminal_text import clean
from gpushopper.clouds import title_of
from gpushopper.core.model.container_image import registry_of
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import KeyRejected, Misconfigured, ProviderFailed, Refused, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.cli.output.progress_display import ProgressDisplay
    from gpushopper.wire import AttemptView, SessionView


MOST_BY_NAME = 5
"""Of more ends than that only numbers are reported: their names stand above, and in the result."""
_COUNTED = {
    "requested": "to be destroyed",
    "off": "no longer listed, verified in the background",
    "proven": "ended and verified",
}


def show_provisioning_progress(progress: ProgressDisplay, session: SessionView, now: int) -> None:
    """Report a step for each change since the last poll."""
    progress.cost(session.accrued)
    for attempt in session.attempts:
        if attempt.state in ("destroying", "closed") and session.status in ("pending", "provisioning"):
            progress.step(f"{attempt.id} skipped", f"{attempt.offer} failed: {_plain(attempt.reason)}", failed=True)
    if not session.attempts:
        progress.step("choosing", "choosing an offer")
        return
    attempt = session.attempts[-1]
    text = _step(session, attempt, now)
    if session.waits_for_account:
        text = f"waiting for {waiting(session, now)}"
    if text:
        progress.step(f"{attempt.id} {attempt.state}", text)


def _step(session: SessionView, attempt: AttemptView, now: int) -> str:
    what = f"{attempt.offer} ({attempt.gpu_count}x {attempt.gpu}, {per_hour(attempt.rate)})"
    match attempt.state:
        case "prepared":
            _, _, held_up = session.waiting_for.partition(": ")
            return f"requesting {what}{held_up and ': '}{held_up}"
        case "sent":
            return f"requested {what}, waiting for the answer"
        case "uncertain":
            awaited = waiting(session, now) or "the cloud to list it"
            return f"create outcome of {attempt.offer} unknown: waiting for {awaited}; counted as billed until then"
        case "booting":
            word = f": {attempt.provider_status}" if attempt.provider_status not in ("", "none", "created") else ""
            return f"starting instance {attempt.instance_id}{word}"
        case "running":
            return f"ready{_time_taken(attempt)}, ends {when(attempt.deadline_at, now)}"
    return ""


def _time_taken(attempt: AttemptView) -> str:
    if attempt.ready_at is None or attempt.sent_at is None:
        return ""
    return f" in {span(attempt.ready_at - attempt.sent_at)}"


def _plain(reason: str) -> str:
    return reason.replace("_", " ") or "no reason given"


def last_cause(app: App, session: SessionView) -> str:
    """The event text that explains why the last attempt was given up; empty if it says no more than the reason."""
    found = app.client.events(session=session.id, limit=500).events
    # For an expired request, what it waited for says more than that it expired.
    for kind in (
        ("waiting", "attempt_terminating", "end_requested")
        if session.reason == "request_expired"
        else ("attempt_terminating", "end_requested")
    ):
        # Skip texts that only repeat the reason.
        texts = [e.text for e in found if e.kind == kind and not e.text.endswith(f": {e.data.get('reason')}")]
        if texts:
            return clean(texts[-1].removeprefix(f"{session.name}: "))
    return ""


def failure(app: App, session: SessionView) -> ShopperError:
    """The error of a session that ended before it was ready, with what the daemon knows of the cause."""
    refused, remedy = refused_key(app, session)
    return provisioning_error(session, refused or last_cause(app, session), remedy)


def refused_key(app: App, session: SessionView) -> tuple[str, str]:
    """Of a session that ended for a refused key: which key that is, by where it is from, and how to replace it."""
    if session.reason != "key_rejected":
        return "", ""
    rows = app.client.providers().providers
    row = next((row for row in rows if row.name == _rejecting(session) and row.key_state == "rejected"), None)
    return ("", "") if row is None else (row.detail, row.key_hint)


def provisioning_error(session: SessionView, why: str, remedy: str = "") -> ShopperError:
    """The error of a session that ended before it was ready; `why` as from `last_cause`, `remedy` of a refused key."""
    tried = len(session.attempts)
    details = f": {why}" if why else ""
    message = f"{session.name} did not become ready: {_plain(session.reason)} ({tried} tried){details}"
    if session.status == "stopping":
        message += "; the daemon is still ending what was started, it may still bill"
    hint = f"see: gpu-shopper get {session.name}"
    if session.reason == "key_rejected":
        return KeyRejected(message, remedy or f"set a working key: gpu-shopper keys set {_rejecting(session)}")
    if session.reason == "limit_reached":
        return Refused(message, hint)
    if session.reason in ("image_refused", "no_image_login"):
        return _image_failure(session, message)
    return ProviderFailed(message, hint)


def _rejecting(session: SessionView) -> str:
    """The account whose key was rejected last: its attempt need not be the current one."""
    names = [attempt.provider for attempt in session.attempts if attempt.reason == "key_rejected"]
    return next((name for name in reversed(names) if name), session.provider)


def _image_failure(session: SessionView, message: str) -> ShopperError:
    """The error for a refused image or an unreadable registry login; the hint depends on whether a login was sent."""
    registry = session.image_login or _registry(session.image)
    if session.reason == "no_image_login":
        hint = f"nothing was sent; see: gpu-shopper keys test {registry}, then rent again"
        return Misconfigured(message, hint, code="no_image_login")
    if session.image_login:
        login = f"gpu-shopper keys set {registry} --user NAME"
        hint = f"check the name {session.image}, and that the login may read it: {login}"
        return ProviderFailed(message, hint, code="image_refused")
    hint = f"check the name {session.image}; a private image: gpu-shopper keys set {registry} --user NAME"
    return ProviderFailed(message, f"{hint}, then provision --image-login", code="image_refused")


def _registry(image: str) -> str:
    try:
        return registry_of(image)
    except ValueError:
        return "REGISTRY"  # the image name itself is wrong


def show_endings(progress: ProgressDisplay, sessions: Collection[SessionView], now: int) -> None:
    """Report the stages of several ends: each by itself, or of many how many have come how far."""
    if len(sessions) <= MOST_BY_NAME:
        for session in sessions:
            show_ending_progress(progress, session, now)
    else:
        for session in filter(landing_view.is_landing, sessions):
            _show_landing(progress, session, now)
        counts = {text: sum(each.end_stage == stage for each in sessions) for stage, text in _COUNTED.items()}
        reached = ", ".join(f"{count} {text}" for text, count in counts.items() if count)
        if reached:
            progress.step(f"ends of {len(sessions)}", f"{len(sessions)} sessions: {reached}")
    progress.cost(sum(session.accrued for session in sessions))


def show_ending_progress(progress: ProgressDisplay, session: SessionView, now: int) -> None:
    """Report the stage of the end: requested, off, proven. Only the last may be called destroyed (I27)."""
    progress.cost(session.accrued)
    texts = {
        "requested": f"{session.name}: destroy requested",
        "off": f"{session.name}: no longer listed by {title_of(session.cloud or session.provider)}; "
        "verifying in the background",
        **dict.fromkeys(
            ("proven", "forgotten"),
            f"{session.name}: {outcome(session)}, {money(session.accrued)} in all (receipt stored)",
        ),
    }
    text = texts.get(session.end_stage)
    if landing_view.is_landing(session):
        _show_landing(progress, session, now)
    if text:
        progress.step(f"{session.id} {session.end_stage}", text)


def _show_landing(progress: ProgressDisplay, session: SessionView, now: int) -> None:
    """A step that says what is pulled, or why it is not; how far it is, where that can be shown again and again."""
    is_stuck = session.landing.problem and not session.landing.total_files
    folders = ", ".join(pull.there for pull in session.pulls)
    what = landing_view.landing(session, now) if is_stuck else f"pulling {folders}"
    progress.step(f"{session.id} landing", f"{session.name}: {what}")
    progress.detail("" if is_stuck else landing_view.arrived(session))
