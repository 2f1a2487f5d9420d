"""`provision --like NAME`: what a session was rented with, as options that were not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.input import session_argument
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import SessionView

LENGTH = ("hours", "span", "until")


def filled(app: App, given: dict[str, Any], name: str) -> dict[str, Any]:
    """The options as given, the others as the session of this name has them; says what cannot be taken over.

    Taken over are GPU, account, image, disk, length, consumer, tags, limits and what is pulled. The price is not: the
    offers are those of now. Variables and scripts are kept nowhere, so that they must be given again.

    Raises:
        NotFound: there is no such session.
    """
    session = session_argument.to_act_on(app, name)  # what is rented costs money: a beginning is asked about
    like = _options(session)
    if given["offer"] is not None:
        for option in ("gpu", "gpus", "account"):
            like.pop(option)
    if given["provider"] is not None:
        like.pop("account", None)
    if any(given[option] is not None for option in LENGTH):
        like.pop("span")
    taken = {option: value for option, value in like.items() if not given[option] and given[option] != 0}
    shown = [text for option, text in _words(session).items() if option in taken]
    app.note(f"As {session.name}: {', '.join(shown)}. Variables, scripts and an image login are not taken over.")
    return {**given, **taken}


def _options(session: SessionView) -> dict[str, Any]:
    limits = session.limits
    length = (session.deadline_at or session.created_at) - session.created_at
    return {
        "gpu": (session.gpu,),
        "gpus": session.gpu_count,
        "account": session.provider,
        "image": session.image or None,
        "disk": session.disk_gb,
        "span": max(length, MINUTE),
        "consumer": session.consumer,
        "tags": tuple(f"{key}={value}" for key, value in session.tags.items()),
        "idle": limits.idle_us,
        "idle_when": limits.idle_when if limits.idle_us else None,
        "contact": limits.contact_us,
        "hold": limits.hold_us if session.pulls else None,
        "pulls": tuple(f"{pull.there}:{pull.here}" for pull in session.pulls),
    }


def _words(session: SessionView) -> dict[str, str]:
    like = _options(session)
    return {
        "gpu": f"{session.gpu_count}x {session.gpu}",
        "account": f"on {session.provider}",
        "image": session.image,
        "disk": f"{session.disk_gb:g} GB",
        "span": f"for {span(like['span'])}",
        "consumer": f"charged to {session.consumer}",
    }
