"""The guard's words over ssh."""

from __future__ import annotations

from gpushopper.core.guard import Recipe
from gpushopper.core.heartbeat import GuardReport, Renewal

_LIMIT = 2000


def startup_text(
    recipe: Recipe, public_key: str, life_s: int, deadline_s: int, max_s: int, tick_s: int = 15, backoff_s: int = 300
) -> str:
    """The boot script."""
    return f"# {recipe.endpoint} {public_key} {life_s} {deadline_s} {max_s} {tick_s} {backoff_s}\n"


def status_command() -> str:
    """Print the guard's status."""
    return '[ -f "$HOME/guard.sh" ] && sh "$HOME/guard.sh" status'


def renew_command(renewal: Renewal) -> str:
    """Hand over a renewal, print the status."""
    return f'[ -f "$HOME/guard.sh" ] && sh "$HOME/guard.sh" renew {renewal.seq} {renewal.left_s}'


def read_report(text: str) -> GuardReport | None:
    """The report in a guard's words."""
    lines = text.strip().splitlines()
    if len(text) > _LIMIT or not lines or lines[0] != "gs-guard 1":
        return None
    found = dict(line.partition("=")[::2] for line in lines[1:])
    try:
        return GuardReport(
            armed=found["armed"] == "1",
            why=found["why"],
            left_s=int(found["left"]),
            max_left_s=int(found["max_left"]),
            seq=int(found["seq"]),
            holders=int(found["holders"]),
        )
    except (KeyError, ValueError):
        return None
