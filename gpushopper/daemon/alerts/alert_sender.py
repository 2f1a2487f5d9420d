"""Sends one alert over one channel: looks up its address, which is never kept, and redacts it in the log (I21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

import httpx

from gpushopper import config
from gpushopper.clock import Clock
from gpushopper.config.alert_channels import AlertChannel, ChannelKind
from gpushopper.core.alerts.alert import Alert
from gpushopper.core.alerts.delivery import Outcome, Result
from gpushopper.errors import Misconfigured
from gpushopper.log import Redactor
from gpushopper.notify import command, desktop, webhook
from gpushopper.notify.message import Message
from gpushopper.paths import Home
from gpushopper.providers.api.transport import TimeLimitedTransport
from gpushopper.secrets import AlertTarget, KeyProblem, find_target


@dataclass(frozen=True, slots=True)
class AlertSender:
    """`installation` makes the ids of messages unlike those of another home with the same receiver."""

    home: Home
    redactor: Redactor
    clock: Clock
    installation: str
    zone: tzinfo
    policy: str

    def __call__(self, name: str, channel: AlertChannel, alert: Alert) -> Outcome:
        """Send once, and wait for it: within 30 s, and what a keyring takes."""
        now = self.clock.now().wall
        key = f"{alert.event}" if alert.event else f"test-{now}"
        message = Message(f"gs-{self.installation}-{key}", alert, now, self.zone, self.policy)
        match channel.kind:
            case ChannelKind.DESKTOP:
                return desktop.show(message)
            case ChannelKind.COMMAND:
                return command.run(channel.command, message)
            case None:
                return Outcome(Result.REFUSED, "the settings do not say what kind of channel it is")
            case kind:
                return self._post(name, kind, message)

    def _post(self, name: str, kind: ChannelKind, message: Message) -> Outcome:
        try:
            found = find_target(self.home, name, keyring_limit_s(self.home))
        except Misconfigured as wrong:
            return Outcome(Result.UNREACHABLE, wrong.message)
        if isinstance(found, KeyProblem):
            return Outcome(Result.UNREACHABLE, found.text)
        for text in found.redactions():
            self.redactor.add_redaction(text)
        return webhook.send(kind, _target(found), message, partial(_open, self.clock))


def keyring_limit_s(home: Home) -> float | None:
    """How long a keyring may take; None where the settings switch it off."""
    settings = config.load(home).keys
    return settings.keyring_seconds if settings.keyring else None


def _target(found: AlertTarget) -> webhook.Target:
    return webhook.Target(found.address, found.key)


def _open(clock: Clock, url: httpx.URL) -> httpx.BaseTransport:
    return TimeLimitedTransport(clock.monotonic, url)
