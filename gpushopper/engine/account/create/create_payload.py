"""Builds what one create carries: image, environment, boot script with the guard, and the image's registry login."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gpushopper.core.cloud import EndingKind, PlantingMethod
from gpushopper.core.lifecycle.guard_rule import may_rent_unguarded
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.model.label import LABEL_VARIABLE
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.engine.context import Context
from gpushopper.errors import DiskFull, ShopperError
from gpushopper.providers.base import CreateRequest, Provider, ReadFailed, registering
from gpushopper.secrets import KeyProblem, KeyringLocked, KeyringTimeout

SEND_SHARE = 0.25
"""Share of the send limit that is kept for sending, however slowly a keyring answers."""

NO_LOGIN = "no_image_login"
NO_KEY = "no_ssh_key"
TRANSIENT_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENOSPC, errno.EDQUOT})
"""Errors of this computer that may pass, unlike a file that is not there."""


@dataclass(frozen=True, slots=True)
class PayloadUnavailable:
    """The payload cannot be built: nothing was sent.

    `is_transient`: a later try may succeed (a keyring is locked or hangs, the disk is full, settings are being edited).
    `reason`: what the session ends with where that is not so.
    """

    reason: str
    text: str
    is_transient: bool = False


def build_payload(
    ctx: Context, session: Session, attempt: Attempt, client: Provider, left: Callable[[], float]
) -> CreateRequest | PayloadUnavailable:
    """Build the payload on the create's thread; `left` returns the seconds until it must have been sent."""
    planting, ending = client.traits.planting, client.traits.ending
    needs_login = ctx.remote is not None and ctx.policy_of(attempt.provider).needs_login
    if needs_login and not may_rent_unguarded(session, ending):
        return PayloadUnavailable("no_guard", f"instances of {attempt.provider} cannot end their bill by themselves")
    boot_script: str | PayloadUnavailable = ""
    if needs_login and planting.method is not PlantingMethod.OVER_SSH:
        boot_script = write_boot_script(ctx, client, attempt, environment_of(session, attempt))
    public_key: str | PayloadUnavailable = ""
    if planting.method is not PlantingMethod.ONSTART:  # there the boot script holds it
        public_key = _public_key(ctx, attempt)
    for text in (boot_script, public_key):
        if isinstance(text, PayloadUnavailable):
            return text
    login = _image_login(ctx, session, left() - SEND_SHARE * ctx.policy_of(attempt.provider).create_timeout_s)
    if isinstance(login, PayloadUnavailable):
        return login
    return CreateRequest(
        offer=attempt.offer,
        label=attempt.label,
        image=attempt.image,
        disk_gb=attempt.offer.disk_for(session.disk_gb),
        environment=environment_of(session, attempt),
        boot_script=str(boot_script),
        public_key=str(public_key),
        ends_at=attempt.deadline.wall if ending.kind is EndingKind.SERVER_TIMER else None,
        image_login=login,
        token=attempt.id if client.traits.limits.create_replay_s > 0 else "",
    )


def environment_of(session: Session, attempt: Attempt) -> dict[str, str]:
    """The variables of an instance: the user's, and its label (S4)."""
    return {**dict(session.environment), LABEL_VARIABLE: attempt.label}


def with_registered_key(client: Provider, payload: CreateRequest, limit_s: float) -> CreateRequest | PayloadUnavailable:
    """Register the session's key at the account first, where its cloud's create names a key by its id.

    Its name is the label: whatever comes of the create, it is found by that and removed (F131).
    """
    if not client.traits.planting.registers_key:
        return payload
    able = registering(client)
    if able is None or not payload.public_key:
        return PayloadUnavailable(NO_KEY, "its ssh key cannot be registered there")
    found = able.register_key(payload.label, payload.public_key, limit_s)
    if isinstance(found, ReadFailed):
        return PayloadUnavailable(NO_KEY, f"its ssh key is not registered: {found.detail}", is_transient=True)
    return replace(payload, key_id=found)


def write_boot_script(
    ctx: Context, client: Provider, attempt: Attempt, environment: Mapping[str, str]
) -> str | PayloadUnavailable:
    """The boot script: our ssh key, and the guard with the seconds from now to the deadline (I10)."""
    policy = ctx.policy_of(attempt.provider)
    if ctx.remote is None or not policy.needs_login:
        return ""
    now = ctx.clock.now().wall
    life = max(attempt.deadline.wall - now, 0) // SECOND
    most = max(attempt.hard_max_at - now, 0) // SECOND
    try:
        return ctx.remote.boot_script(
            client.guard_recipe, client.traits, attempt.session_id, life, attempt.deadline.wall // SECOND, most,
            round(policy.guard_tick_s), round(policy.guard_backoff_s), environment,
        )  # fmt: skip
    except (ShopperError, ValueError, OSError) as error:
        # ValueError: no time left to the deadline, or an address that the guard cannot call.
        return PayloadUnavailable("no_guard", f"its guard cannot be installed: {_why(error)}", _is_transient(error))


def _public_key(ctx: Context, attempt: Attempt) -> str | PayloadUnavailable:
    try:
        return "" if ctx.remote is None else ctx.remote.public_key(attempt.session_id)
    except (ShopperError, OSError) as error:
        return PayloadUnavailable("no_guard", f"its ssh key cannot be made: {_why(error)}", _is_transient(error))


def _is_transient(error: Exception) -> bool:
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS)


def _image_login(ctx: Context, session: Session, limit_s: float) -> ImageLogin | PayloadUnavailable | None:
    """The registry login as stored now: it is read for each create, for no row of the database holds it."""
    if not session.image_login:
        return None
    try:
        found = ctx.read_login(session.image_login, max(limit_s, 0.1))
    except (ShopperError, ValueError, OSError) as error:
        text = f"the login at {session.image_login} cannot be read: {_why(error)}"
        return PayloadUnavailable(NO_LOGIN, text, is_transient=not isinstance(error, ValueError))
    if isinstance(found, KeyProblem):
        is_transient = isinstance(found, KeyringLocked | KeyringTimeout)
        return PayloadUnavailable(NO_LOGIN, f"{found.text}; {found.hint}", is_transient)
    ctx.redactions.add(found.redactions())
    return found


def _why(error: Exception) -> str:
    return error.message if isinstance(error, ShopperError) else str(error)
