"""The request that the options of `plan` and `provision` make together with the settings."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from gpushopper.cli.app import App
from gpushopper.cli.commands.rent.plan import plan, plan_request, refuse_over_limit
from gpushopper.cli.commands.rent.provision import provision
from gpushopper.config import Config
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.errors import Misconfigured, Refused

OPTIONS: dict[str, Any] = {
    "offer": None, "gpu": ("4090",), "image": None, "retries": None, "hours": None, "span": None, "until": None,
    "allow_unguarded": False,
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


@pytest.mark.parametrize("command", [plan, provision])
def test_plan_and_provision_take_the_same_consent_and_complete_it(command: click.Command):
    complete = ShellComplete(command, {}, "gpu-shopper", "_X")
    assert [each.value for each in complete.get_completions([], "--allow-u")] == ["--allow-unguarded"]
    (option,) = (each for each in command.params if each.name == "allow_unguarded")
    assert "cannot end themselves" in str(getattr(option, "help", ""))
    for consent in (False, True):
        asked = plan_request(App(unused, unused), Config(), OPTIONS | {"allow_unguarded": consent})
        assert asked.allow_unguarded is consent


def refused(text: str, code: str = "", hint: str = "") -> Any:
    return SimpleNamespace(refusal=text, refusal_code=code, refusal_hint=hint)


def test_a_plan_at_one_account_under_two_names_ends_as_its_rental_would():
    with pytest.raises(Misconfigured) as twice:
        refuse_over_limit(refused("tl and td are one account", "same_account", "remove one"))
    assert (twice.value.exit_code, twice.value.code, twice.value.hint) == (4, "same_account", "remove one")
    with pytest.raises(Refused, match="above the limit"):
        refuse_over_limit(refused("above the limit"))
    refuse_over_limit(refused(""))
