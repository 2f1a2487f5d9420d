"""How the limits that may end a session early are printed: what was asked, what its instance has, who watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.output.endings.end_reasons import REASONS
from gpushopper.cli.output.text_format import clock_time
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.wire import Plan, SessionView


def limits(session: SessionView) -> str:
    """`idle 30m, contact 4h`; and what the instance obeys until it has confirmed a change."""
    wanted = session.limits
    asked = _limits_text({"idle_us": wanted.idle_us, "contact_us": wanted.contact_us, "hold_us": wanted.hold_us})
    asked += " (GPUs alone count as use)" if wanted.idle_us and wanted.idle_when == "gpu" else ""
    is_known = wanted.confirmed or asked == there(session)
    if is_known or session.status != "running" or session.guard_state == "not_applicable":
        return asked
    return f"{asked} (the instance has not confirmed it; there: {there(session)})"


def there(session: SessionView) -> str:
    """The limits that the instance is known to have."""
    return _limits_text(session.limits.there)


def _limits_text(found: dict[str, int | None]) -> str:
    return ", ".join(f"{name.removesuffix('_us')} {span(value)}" for name, value in found.items() if value) or "none"


def watched(session: SessionView) -> str:
    """Who watches them, or why nobody does."""
    if session.status != "running":
        return ""
    if session.limits.unwatched:
        return f"no: {session.limits.unwatched}"
    if session.health not in ("", "ok"):
        return f"not known: it is {session.health.replace('_', ' ')}"
    ends = "which ends it" if session.limits.acts_itself else "which marks its end; this computer destroys it"
    return f"by the agent on the instance, {ends}"


def ending(session: SessionView, now: int) -> str:
    """When and why it ends early, or that it seems to have ended."""
    if session.self_ended_at is not None:
        return f"by itself at {clock_time(session.self_ended_at, now)}, not confirmed; nothing is billed here since"
    if not session.ending_reason or session.ending_at is None or session.status != "running":
        return ""
    why = REASONS.get(session.ending_reason, session.ending_reason)
    return f"at {clock_time(session.ending_at, now)}: {why}"


def disclosure(found: Plan, given: dict[str, Any]) -> list[str]:
    """What is said before a session with limits is rented."""
    lines = []
    bills_on = any(account.bills_on for account in found.accounts)
    if given["idle"]:
        how = "It is ended" if bills_on else "It ends itself"
        lines.append(f"{how} after {span(given['idle'])} without use, 5 minutes after a warning.")
    if given["idle_when"] == "gpu":
        lines.append("Only the GPUs count as use: a phase on the CPU alone counts as idle.")
    limited = given["idle"] or given["contact"]
    if limited and bills_on:
        lines.append("Where power-off does not end the bill, this computer must be on to destroy it.")
    return lines
