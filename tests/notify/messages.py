"""Messages as channels get them, and a receiver that answers as a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from gpushopper.config.alert_channels import ChannelKind
from gpushopper.core.alerts.alert import Alert, Topic
from gpushopper.core.alerts.delivery import Outcome
from gpushopper.core.secret import Secret
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.notify.message import Message
from gpushopper.notify.webhook import Target, send

NOW = 1_793_400_000 * SECOND
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def message(
    text: str = "fox ends in 5 min", at: int = NOW, sent_at: int = NOW, policy: str = "real", **changes: Any
) -> Message:
    values: dict[str, Any] = {"topic": Topic.ENDS_SOON, "kind": "ends_soon", "session": "s1"} | changes
    return Message("gs-1-7", Alert(7, at, text=text, **values), sent_at, policy=policy)


@dataclass
class Receiver(httpx.BaseTransport):
    """Answers every request with the next answer, or raises it; the last one again and again."""

    answers: list[httpx.Response | Exception] = field(default_factory=lambda: [httpx.Response(200)])
    got: list[httpx.Request] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send(self, kind: ChannelKind, address: str, told: Message | None = None, key: str | None = KEY) -> Outcome:
        target = Target(Secret(address), None if key is None else Secret(key))
        return send(kind, target, told or message(), self.open)

    @property
    def open(self) -> Callable[[httpx.URL], httpx.BaseTransport]:
        return lambda _url: self
