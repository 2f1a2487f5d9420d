"""What a session is going through, in words: on its way up, and on its way down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.output.session_views import waiting
from gpushopper.cli.output.text_format import money, rate, when
from gpushopper.cli.terminal_text import clean
from gpushopper.core.model.container_image import registry_of
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import KeyRejected, Misconfigured, ProviderFailed, Refused, ShopperError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.cli.output.progress_display import Steps
    from gpushopper.wire import AttemptView, SessionView


def show_provisioning(shown: Steps, session: SessionView, now: int) -> None:
    """One step for each thing that happened since the last look."""
    shown.spent(session.accrued)
    for attempt in session.attempts:
        if attempt.state in ("destroying", "closed") and session.status in ("pending", "provisioning"):
            shown.step(f"{attempt.id} skipped", f"skipped {attempt.offer}: {_plain(attempt.reason)}")
    if not session.attempts:
        shown.step("choosing", "choosing an offer")
        return
    attempt = session.attempts[-1]
    text = _step(session, attempt, now)
    if text:
        shown.step(f"{attempt.id} {attempt.state}", text)


def _step(session: SessionView, attempt: AttemptView, now: int) -> str:
    what = f"{attempt.offer} ({attempt.gpu_count}x {attempt.gpu}, {rate(attempt.rate)} an hour)"
    match attempt.state:
        case "prepared":
            return f"asking for {what}"
        case "sent":
            return f"asked for {what}"
        case "uncertain":
            awaited = waiting(session, now) or "the cloud's list to show it"
            return f"no clear answer for {attempt.offer}: waiting for {awaited}; counted as billed until then"
        case "booting":
            word = f": {attempt.provider_status}" if attempt.provider_status not in ("", "none", "created") else ""
            return f"starting instance {attempt.instance_id}{word}"
        case "running":
            return f"handed over{_took(attempt)}; ends {when(attempt.deadline_at, now)}"
    return ""


def _took(attempt: AttemptView) -> str:
    if attempt.ready_at is None or attempt.sent_at is None:
        return ""
    return f" after {span(attempt.ready_at - attempt.sent_at)}"


def _plain(reason: str) -> str:
    return reason.replace("_", " ") or "no reason given"


def cause(app: App, session: SessionView) -> str:
    """What was seen that gave the last attempt up, in the words of the history; nothing where they say no more."""
    found = app.client.events(session=session.id, limit=500).events
    # Where it waited in vain, what it waited for says more than that it grew too old.
    for kind in (
        ("waiting", "attempt_terminating", "end_requested")
        if session.reason == "request_expired"
        else ("attempt_terminating", "end_requested")
    ):
        # Some say no more than the reason, which stands there already.
        told = [e.text for e in found if e.kind == kind and not e.text.endswith(f": {e.data.get('reason')}")]
        if told:
            return clean(told[-1].removeprefix(f"{session.name}: "))
    return ""


def failure_of(session: SessionView, why: str) -> ShopperError:
    """The error of a session that ended before it was handed over; `why` as from `cause`."""
    tried = len(session.attempts)
    told = f": {why}" if why else ""
    message = f"{session.name} was not handed over: {_plain(session.reason)} ({tried} tried){told}"
    if session.status == "stopping":
        message += "; the daemon is still ending what was started, it may still bill"
    hint = f"see: gpu-shopper get {session.name}"
    if session.reason == "key_rejected":
        return KeyRejected(message, f"set a working key: gpu-shopper keys set {session.provider}")
    if session.reason == "limit_reached":
        return Refused(message, hint)
    if session.reason in ("image_refused", "no_image_login"):
        return _image_failure(session, message)
    return ProviderFailed(message, hint)


def _image_failure(session: SessionView, message: str) -> ShopperError:
    """The registry's no, or a login that could not be read: what to look at differs with what was handed over."""
    registry = session.image_login or _registry(session.image)
    if session.reason == "no_image_login":
        hint = f"nothing was sent; see: gpu-shopper keys test {registry}, then rent again"
        return Misconfigured(message, hint, code="no_image_login")
    if session.image_login:
        hint = f"check the name {session.image}, and that the login may read it: gpu-shopper keys set {registry}"
        return ProviderFailed(message, f"{hint} --user NAME", code="image_refused")
    hint = f"check the name {session.image}; a private image: gpu-shopper keys set {registry} --user NAME"
    return ProviderFailed(message, f"{hint}, then provision --image-login", code="image_refused")


def _registry(image: str) -> str:
    try:
        return registry_of(image)
    except ValueError:
        return "REGISTRY"  # the name is what is wrong


def show_ending(shown: Steps, session: SessionView) -> None:
    """The stages of the end: asked, off, proven. Only the last may be called destroyed (I27)."""
    shown.spent(session.accrued)
    texts = {
        "requested": f"{session.name}: destroy asked for",
        "off": f"{session.name}: off; the daemon finishes the proof",
        "proven": f"{session.name}: {outcome(session)}, {money(session.accrued)} in all (receipt stored)",
    }
    text = texts.get(session.end_stage)
    if text:
        shown.step(f"{session.id} {session.end_stage}", text)


def outcome(session: SessionView) -> str:
    """`destroyed`, where a receipt says so; a session that never had an instance has nothing to destroy."""
    return "destroyed" if any(attempt.instance_id for attempt in session.attempts) else "ended, nothing was rented"
