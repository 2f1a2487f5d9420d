"""Numbers that pages for users state are those of the program: exit statuses, limits without a budget, times."""

from __future__ import annotations

import re

from gpushopper.cli.input.help_topics import EXIT_CODES
from gpushopper.config import SpendingLimitSettings
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.policy import HARD_MAXIMUM_S, REAL
from gpushopper.providers.tensordock.vm_sizes import RAM_GB_PER_GPU, STORAGE_MINIMUM_GB, STORAGE_STEP_GB, VCPUS_PER_GPU
from gpushopper.providers.vast.traits import TRAITS as VAST
from tests.floors.tree import ROOT, text_of


def says(page: str, text: str) -> bool:
    """Whether a page has this text, however its lines are broken."""
    return text in " ".join(text_of(ROOT / "docs" / page).split())


def test_scripting_has_every_exit_status_and_no_other():
    listed = re.findall(r"^\| (\d+) \|", text_of(ROOT / "docs/scripting.md"), re.MULTILINE)
    assert listed == re.findall(r"^(\d+) ", EXIT_CODES, re.MULTILINE)


def test_the_limits_without_a_budget_are_those_that_are_built_in():
    limits = SpendingLimitSettings()
    text = (
        f"{limits.open_sessions} open sessions, {limits.creates_per_hour} rentals an hour, "
        f"${limits.dollars_per_hour // DOLLAR} an hour"
    )
    assert says("safety-for-users.md", text)


def test_the_times_are_those_of_the_policy():
    assert (HARD_MAXIMUM_S, REAL.destroy_retry_steady_s) == (12 * 3600, 300)
    assert says("safety-for-users.md", "twelve at most unless you give a reason")
    assert says("safety-for-users.md", "every five minutes in the end")
    assert says("alerts.md", " and ".join(f"{span // 60:.0f}" for span in REAL.deadline_warnings_s) + " minutes before")
    assert says("troubleshooting.md", "this one does not for ten minutes") and REAL.unreachable_alarm_s == 600


def test_what_is_said_of_clouds_are_their_traits():
    assert says("clouds/vast.md", f"has at most {VAST.limits.max_variable_length} characters")
    assert says("clouds/vast.md", f"without a sign of life for {VAST.limits.boot_silence_s // 60:.0f} minutes")
    assert says("clouds/vast.md", f"divided by {VAST.billing.month_hours} hours")
    assert says("clouds/vast.md", re.sub(r"(instance_\w+)", r"`\1`", VAST.narrow_key))
    assert says("clouds/tensordock.md", f"{VCPUS_PER_GPU} vCPU and {RAM_GB_PER_GPU} GB")
    assert says("clouds/tensordock.md", f"at least {STORAGE_MINIMUM_GB} GB, in steps of {STORAGE_STEP_GB}")
