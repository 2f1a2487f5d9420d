"""The request that the options of `plan` and `provision` make together with the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.cli.app import App
from gpushopper.cli.commands.rent.plan import plan_request
from gpushopper.config import Config
from gpushopper.core.timing.clock_snapshot import HOUR

OPTIONS: dict[str, Any] = {
    "offer": None, "gpu": ("4090",), "image": None, "retries": None, "hours": None, "span": None, "until": None,
}  # fmt: skip


def unused(*_: object) -> Any:
    raise AssertionError("a plan's request needs no home and no daemon")


@pytest.mark.parametrize(
    ("option", "setting", "duration"),
    [(None, None, None), (None, 3.0, 3 * HOUR), (1.5, 3.0, 3 * HOUR // 2), (1.5, None, 3 * HOUR // 2)],
)
def test_the_duration_is_the_options_else_the_settings_else_the_daemons_default(
    option: float | None, setting: float | None, duration: int | None
):
    config = Config()
    config = replace(config, provision=replace(config.provision, hours=setting))
    asked = plan_request(App(unused, unused), config, OPTIONS | {"hours": option})
    assert (asked.duration_us, asked.deadline_at) == (duration, None)
