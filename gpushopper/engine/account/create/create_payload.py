"""What one create carries, made on its own thread: the text to be planted, and the login at the image's registry."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.model.guard_recipe import Recipe
from gpushopper.core.model.instance import LABEL_VARIABLE
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.engine.context import Context
from gpushopper.errors import DiskFull, ShopperError
from gpushopper.providers.base import CreateRequest
from gpushopper.secrets import Hung, Locked, Problem

SEND_SHARE = 0.25
"""What of the send limit is left for the send itself, however slowly a keyring answers."""

NO_LOGIN = "no_image_login"
TRANSIENT_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""This computer's own troubles that end by themselves; a file that is not there does not."""


@dataclass(frozen=True, slots=True)
class PayloadUnavailable:
    """What the call had to carry cannot be made: nothing left this process.

    It `passes` where a later try may fare better: a keyring that is locked or hangs, a full disk, settings that are
    being edited. `reason` is what the session ends with where it does not.
    """

    reason: str
    text: str
    passes: bool = False


def build_payload(
    ctx: Context, session: Session, attempt: Attempt, recipe: Recipe | None, left: Callable[[], float]
) -> CreateRequest | PayloadUnavailable:
    """Everything for the one create; `left` gives the seconds that remain until it must have been sent."""
    startup = _startup(ctx, recipe, attempt)
    if isinstance(startup, PayloadUnavailable):
        return startup
    login = _image_login(ctx, session, left() - SEND_SHARE * ctx.policy.send_limit_s)
    if isinstance(login, PayloadUnavailable):
        return login
    return CreateRequest(
        offer=attempt.offer,
        label=attempt.label,
        image=session.image,
        disk_gb=session.disk_gb,
        environment={**dict(session.environment), LABEL_VARIABLE: attempt.label},
        startup=startup,
        image_login=login,
    )


def _startup(ctx: Context, recipe: Recipe | None, attempt: Attempt) -> str | PayloadUnavailable:
    """What the instance runs first: our key, and a guard that knows its end from now on (I10)."""
    policy = ctx.policy
    if ctx.remote is None or recipe is None or not policy.needs_login:
        return ""
    now = ctx.clock.now().wall
    life = max(attempt.deadline.wall - now, 0) // SECOND
    most = max(attempt.hard_max_at - now, 0) // SECOND
    try:
        return ctx.remote.startup(
            recipe, attempt.session_id, life, attempt.deadline.wall // SECOND, most,
            round(policy.guard_tick_s), round(policy.guard_backoff_s),
        )  # fmt: skip
    except (ShopperError, ValueError, OSError) as error:
        # ValueError: a term without life, an address the guard cannot spell.
        text = f"its guard cannot be planted: {_why(error)}"
        passes = isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS)
        return PayloadUnavailable("no_guard", text, passes)


def _image_login(ctx: Context, session: Session, limit_s: float) -> ImageLogin | PayloadUnavailable | None:
    """The login as it is stored now: attempts follow each other for minutes, daemons restart, and no row keeps it."""
    if not session.image_login:
        return None
    try:
        found = ctx.read_login(session.image_login, max(limit_s, 0.1))
    except (ShopperError, ValueError, OSError) as error:
        text = f"the login at {session.image_login} cannot be read: {_why(error)}"
        return PayloadUnavailable(NO_LOGIN, text, passes=not isinstance(error, ValueError))
    if isinstance(found, Problem):
        return PayloadUnavailable(NO_LOGIN, f"{found.text}; {found.hint}", passes=isinstance(found, Locked | Hung))
    ctx.redactions.add(found.redactions())
    return found


def _why(error: Exception) -> str:
    return error.message if isinstance(error, ShopperError) else str(error)
