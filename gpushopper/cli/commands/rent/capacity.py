"""`provision --wait-for-capacity SPAN`: ask again until something fits; nothing is rented meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.output.text_format import clock_time
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NoOffer, ProviderFailed, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import Plan, PlanRequest

EVERY_S = 30.0
"""Each question is a search at every cloud; their rate limits are shared with everything else."""
PASSING = (NoOffer, ProviderFailed)
"""What may be different later: nothing fits, or no cloud has answered. One odd answer does not end the waiting."""


def plan(app: App, request: PlanRequest, wait_us: int | None, *, answers: bool, every_s: float = EVERY_S) -> Plan:
    """The plan; where nothing fits, again and again for `wait_us`. `answers`: --yes or --dry-run was given.

    Raises:
        NoOffer, ProviderFailed: nothing fits, to the end of that time.
        UsageError: nobody could agree to what is found after a while.
    """
    if wait_us is None:
        return app.client.plan(request)
    if not answers and not app.is_interactive():
        raise UsageError("--wait-for-capacity needs --yes where nobody can be asked", "or --dry-run")
    found: list[Plan] = []
    failed: list[ShopperError] = []
    until_boot = app.now().boot + wait_us

    def has_found() -> bool:
        if failed and app.now().boot >= until_boot:
            raise WaitTimeout  # this computer has slept meanwhile, which `poll` does not count
        try:
            found.append(app.client.plan(request))
        except PASSING as error:
            _tell(app, error, failed, wait_us, every_s)
            return False
        return True

    app.interrupt_hint = "nothing was rented"
    try:
        poll(has_found, wait_us / SECOND, every_s=every_s)
    except WaitTimeout:
        last = failed[-1]
        raise type(last)(f"{last.message}, after {span(wait_us)}", last.hint, code=last.code) from None
    app.interrupt_hint = ""
    return found[0]


def _tell(app: App, error: ShopperError, failed: list[ShopperError], wait_us: int, every_s: float) -> None:
    """Say once what is missing, and until when it is asked for; another reason is said, too."""
    if not failed:
        now = app.now().wall
        until = clock_time(now + wait_us, now)
        app.note(f"{error.message}. Asking again every {every_s:g} s until {until}; Ctrl-C ends it.")
    elif failed[-1].message != error.message:
        app.note(error.message)
    failed.append(error)
