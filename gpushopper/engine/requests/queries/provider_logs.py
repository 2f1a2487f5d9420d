"""Provider log: what a session's container has printed, fetched from the provider, for when ssh does not work."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.clouds import console_of
from gpushopper.core.log_text import readable_lines
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.engine.requests.blocking_reads import blocking_read
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.refusals import keyless
from gpushopper.engine.requests.session_lookup import find
from gpushopper.errors import NotFound, NotReady, ProviderFailed, Refused
from gpushopper.providers.base import Endpoint, InstanceNotFound, Log, ReadFailed
from gpushopper.store import sessions

LIMIT_S = 40.0
"""For the provider to request it of the host, for the host to upload it, and for us to fetch it."""


def provider_log(handle: EngineHandle, ref: str, tail: int) -> wire.ProviderLog:
    """The last lines of the newest instance of a session. Waits on the caller's thread.

    Raises:
        NotFound: no session is meant by `ref`, its instance has ended, or the provider knows none of that id.
        NotReady: no instance exists yet.
        Refused: the cloud gives no logs.
        Misconfigured: there is no key.
        ProviderFailed: the provider gave no usable answer.
    """
    ctx = handle.ctx
    session = find(ctx, ref)
    attempt = _newest(ctx, session)
    reconciler = handle.reconcilers[attempt.provider]
    if reconciler.client is None:
        raise keyless(reconciler.setup)
    client, instance_id = reconciler.client, attempt.instance_id or ""
    if not client.traits.gives_logs:
        text = f"{reconciler.name} gives no logs of its instances"
        raise Refused(text, f"log in and look: gpu-shopper ssh {session.name}", code="no_log")
    found: Log | InstanceNotFound | ReadFailed = blocking_read(
        ctx, client, Endpoint.LOGS, lambda: client.fetch_log(instance_id, tail, LIMIT_S), LIMIT_S
    )
    if isinstance(found, ReadFailed):
        text = f"{reconciler.name} gives no log of {session.name}: {found.detail}"
        raise ProviderFailed(text, f"try again, or see: {console_of(reconciler.setup.cloud_name)}", code="no_log")
    if isinstance(found, InstanceNotFound):
        raise _gone(reconciler.name, session)
    return wire.ProviderLog(session.id, session.name, reconciler.name, instance_id, readable_lines(found.text, tail))


def _newest(ctx: Context, session: Session) -> Attempt:
    with ctx.store.read():
        attempts = [each for each in sessions.attempts_of(ctx.store, session.id) if each.instance_id is not None]
    if not attempts:
        text = f"{session.name} has no instance yet"
        raise NotReady(text, f"see: gpu-shopper get {session.name}", code="no_instance")
    open_ones = [each for each in attempts if each.state is not State.CLOSED]
    if not open_ones:
        raise _gone(attempts[-1].provider, session)
    return open_ones[-1]


def _gone(provider: str, session: Session) -> NotFound:
    text = f"the instance of {session.name} is gone, and {provider} keeps no log of it"
    return NotFound(text, f"what happened: gpu-shopper events --session {session.name}", code="no_log")
