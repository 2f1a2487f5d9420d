"""Send a message over HTTP: signed JSON, or the forms of Slack, Discord and ntfy; never redirected, bounded in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from gpushopper.config.alert_channels import ChannelKind
from gpushopper.core.alerts.delivery import DELIVERED, Outcome, Result
from gpushopper.core.secret import Secret
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.notify.address import check_address
from gpushopper.notify.message import Message
from gpushopper.notify.signature import headers_of

LIMIT_S = 15.0
"""From the name lookup to the status line; the body of an answer is not read."""
_LATER = frozenset({408, 425, 429})

OpenTransport = Callable[[httpx.URL], httpx.BaseTransport]
"""Opens a transport that obeys the request's extension `total_limit`, and follows no redirect."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a channel sends to. `key` signs (webhook), or is an access token (ntfy); both may be secrets."""

    address: Secret
    key: Secret | None = None


@dataclass(frozen=True, slots=True)
class _Post:
    url: str
    content: Mapping[str, Any]
    token: Secret | None = None


def send(kind: ChannelKind, target: Target, message: Message, open_transport: OpenTransport) -> Outcome:
    """Send once. No text of an outcome has the address in it, or anything that the receiver wrote."""
    try:
        address = check_address(target.address.reveal())
        post = _FORMS[kind](address, target, message)
        request = _request(kind, post, target, message)
    except ValueError as wrong:
        return Outcome(Result.REFUSED, f"nothing was sent: {wrong}")
    transport = open_transport(request.url)
    try:
        response = transport.handle_request(request)
        response.close()
        return _outcome(response)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return Outcome(Result.UNREACHABLE, "it cannot be reached")
    except httpx.TimeoutException:
        return Outcome(Result.UNREACHABLE, f"no answer within {LIMIT_S:.0f} s")
    except httpx.HTTPError:
        return Outcome(Result.UNREACHABLE, "the connection broke, or the answer was no HTTP")
    finally:
        transport.close()


def _request(kind: ChannelKind, post: _Post, target: Target, message: Message) -> httpx.Request:
    body = json.dumps(post.content, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "gpu-shopper", "Accept-Encoding": "identity"}
    if kind is ChannelKind.WEBHOOK and target.key is not None:
        headers |= headers_of(target.key.reveal(), message.id, message.sent_at // SECOND, body)
    if post.token is not None:
        headers["Authorization"] = f"Bearer {post.token.reveal()}"
    return httpx.Request("POST", post.url, headers=headers, content=body, extensions={"total_limit": LIMIT_S})


def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return DELIVERED
    if 300 <= status < 400:
        return Outcome(Result.REFUSED, f"it sends us to another address, where nothing is sent (status {status})")
    if status in _LATER or status >= 500:
        return Outcome(Result.UNREACHABLE, f"it does not take it now (status {status})", _asked_pause_s(response))
    return Outcome(Result.REFUSED, f"it refuses it (status {status})")


def _asked_pause_s(response: httpx.Response) -> float:
    """How long `Retry-After` asks to wait, where it is in seconds."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def _generic(address: str, _target: Target, message: Message) -> _Post:
    return _Post(address, message.as_json())


def _slack(address: str, _target: Target, message: Message) -> _Post:
    """Escaped as Slack wants it, so that no text of a host calls a channel or makes a link."""
    text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _Post(address, {"text": f"{message.title}: {text}", "mrkdwn": False})


def _discord(address: str, _target: Target, message: Message) -> _Post:
    suppress_embeds = 1 << 2
    content = {"content": f"{message.title}: {message.text}", "allowed_mentions": {"parse": []}}
    return _Post(address, {**content, "flags": suppress_embeds})


def _ntfy(address: str, target: Target, message: Message) -> _Post:
    """As JSON to the server's root, for headers cannot hold every text (docs.ntfy.sh, "Publish as JSON")."""
    server, _, topic = address.rstrip("/").rpartition("/")
    if not topic or "?" in topic or server.endswith(("/", ":")):
        raise ValueError("an address at ntfy ends with a topic, such as https://ntfy.sh/TOPIC")
    content = {"topic": topic, "title": message.title, "message": message.text}
    return _Post(f"{server}/", {**content, "priority": 4 if message.alert.is_urgent else 3}, target.key)


_FORMS = {
    ChannelKind.WEBHOOK: _generic,
    ChannelKind.SLACK: _slack,
    ChannelKind.DISCORD: _discord,
    ChannelKind.NTFY: _ntfy,
}
