"""The channels in the user's settings, read again when the file changes: `notify add` needs no restart."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import structlog

from gpushopper import config
from gpushopper.config.alert_channels import AlertChannel
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home

_log = structlog.get_logger(__name__)


class ChannelSettings:
    """Call it for the channels of now. With a file that cannot be read, those of before hold; thread-safe."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._channels: Mapping[str, AlertChannel] = {}
        self._problem = ""

    def problem(self) -> str:
        """Why the file could not be read when it was looked at last; empty where it could."""
        return self._problem

    def __call__(self) -> Mapping[str, AlertChannel]:
        with self._lock:
            stamp = config.stamp(self._home)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._channels = config.load(self._home).alerts
                    self._problem = ""
                except Misconfigured as wrong:
                    self._problem = wrong.message
                    _log.warning("alerts", text=f"the channels of before hold: {wrong.message}")
            return self._channels
