"""What `top` shows, as lines that fit a terminal: sessions with their GPU loads, money, time left, guards, alarms.

Values in, lines out: no terminal, no clock. Money and times are never cut; columns leave where there is no room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from gpushopper.cli.output import column_widths, end_limits_view, session_views, tables
from gpushopper.cli.output.endings import landing_view, tonight_view
from gpushopper.cli.output.money.bars import load_line
from gpushopper.cli.output.text_format import local_time, money, per_hour, plural, when
from gpushopper.cli.terminal_text import clean, wrapped
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.wire import AlarmView, SessionView

STEPS, STEP_S = 20, 90
"""GPU loads of the last half hour; the newest SHORT_STEPS of them where a terminal is narrow."""
SHORT_STEPS = 8
MOST_ALARMS = 3
KEYS = "up, down choose   s ssh   e extend by 1h   x end   q quit"


@dataclass(frozen=True, slots=True)
class Known:
    """What the daemon has last said. `loads` are percentages by session id, `at` is wall µs."""

    at: int
    sessions: Sequence[SessionView]
    alarms: Sequence[AlarmView]
    loads: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    problem: str = ""
    """Why nothing newer is known; empty while the daemon answers."""


class Screen(NamedTuple):
    """Columns and rows of the terminal, and whether it has the characters of sparklines."""

    width: int
    height: int
    draws: bool = True


def lines(known: Known, chosen: str, now: int, screen: Screen) -> list[Text]:
    """All lines, at most `screen.height`, none wider than `screen.width`; `chosen` is a session's id."""
    width = screen.width
    head = _head(known, now, width)
    foot = [*_details(known, chosen, now, width), *_alarms(known.alarms, width), Text(_cut(KEYS, width), "dim")]
    room = screen.height - len(head) - len(foot)
    body = _table(known, chosen, now, screen, max(room, 2))
    blank = [Text()] * max(room - len(body), 0)
    return [*head, *body, *blank, *foot][: screen.height]


def _head(known: Known, now: int, width: int) -> list[Text]:
    rows = known.sessions
    first = f"{local_time(now):%H:%M:%S}  {plural(len(rows), 'session')}"
    so_far, most = sum(row.accrued for row in rows), sum(row.max_cost for row in rows)
    cost = f"{per_hour(sum(row.rate for row in rows))} now, {money(so_far)} so far, at most {money(most)}"
    found = [Text(_cut(first, width), "bold"), *(Text(line) for line in wrapped(cost, width) if rows)]
    if known.problem:
        stale = f"{known.problem}; as it was at {local_time(known.at):%H:%M:%S}"
        found += [Text(_cut(line, width), "red") for line in wrapped(clean(stale), width)]
    return [*found, Text()]


def _details(known: Known, chosen: str, now: int, width: int) -> list[Text]:
    """More of the chosen session, in words."""
    session = next((row for row in known.sessions if row.id == chosen), None)
    if session is None:
        return [Text()]
    end = f"{session.name} ends {when(session.deadline_at, now)}, ended by: {tonight_view.ended_by(session)}"
    cost = f"{session_views.money_line(session)}, {per_hour(session.rate)}; {session_views.gpu(session)}"
    said = [
        f"{cost} on {session.provider}",
        f"{session.name} is {session_views.status(session)}" if session.end_stage else end,
        session_views.waiting(session, now) and f"waiting for {session_views.waiting(session, now)}",
        end_limits_view.ending(session, now) and f"ending {end_limits_view.ending(session, now)}",
        landing_view.landing(session, now) and f"landing: {landing_view.landing(session, now)}",
    ]
    return [Text(), *(Text(line) for each in said if each for line in wrapped(clean(each), width)[:2])]


def _alarms(alarms: Sequence[AlarmView], width: int) -> list[Text]:
    shown = [alarm for alarm in alarms if alarm.acknowledged_at is None]
    found = [Text(_cut(f"alarm {each.id}: {clean(each.text)}", width), "yellow") for each in shown[:MOST_ALARMS]]
    if len(shown) > MOST_ALARMS:
        found[-1:] = [Text(_cut(f"{plural(len(shown) - MOST_ALARMS + 1, 'more alarm')}", width), "yellow")]
    return found


def _table(known: Known, chosen: str, now: int, screen: Screen, room: int) -> list[Text]:
    """The heading and the sessions around the chosen one, in `room` lines."""
    if not known.sessions:
        return [Text("no open session")]
    columns, cells = tables.narrowed(_columns(known, chosen, now, screen), known.sessions, screen.width, clean)
    titles = tables.headings(columns, cells, screen.width)
    widths = column_widths.fit(titles, cells, [column.right or column.whole for column in columns], screen.width)
    chosen_at = next((place for place, row in enumerate(known.sessions) if row.id == chosen), -1)
    first, shown = _window(len(cells), max(chosen_at, 0), room - 1)
    heading = _row(columns, titles, widths, screen.width)
    heading.stylize("bold")
    found = [heading]
    for place in range(first, first + shown):
        line = _row(columns, cells[place], widths, screen.width)
        line.stylize("reverse" if place == chosen_at else "")
        found.append(line)
    if shown < len(cells):
        found.append(Text(f"{plural(len(cells) - shown, 'more session')}", "dim"))
    return found


def _window(count: int, chosen: int, room: int) -> tuple[int, int]:
    """The first row that is shown, and how many: all, or those around the chosen one, and a line for the others."""
    if count <= room:
        return 0, count
    shown = max(room - 1, 1)
    return min(max(chosen - shown // 2, 0), count - shown), shown


def _row(columns: Sequence[tables.Column], cells: Sequence[str], widths: Sequence[int], room: int) -> Text:
    line = Text()
    for column, cell, width in zip(columns, cells, widths, strict=True):
        text = _cut(cell, width)
        padded = text.rjust(width) if column.right else text.ljust(width)
        line.append(padded, tables.STYLES.get(cell.partition(" ")[0], ""))
        line.append("  ")
    line.truncate(room)
    return line


def _columns(known: Known, chosen: str, now: int, screen: Screen) -> list[tables.Column]:
    def load(row: SessionView, steps: int) -> str:
        found = known.loads.get(row.id, ())[-steps:]
        measured = next((value for value in reversed(found) if value is not None), None)
        drawn = f"{load_line(found)} " if screen.draws else ""
        return "-" if measured is None else f"{drawn}{measured:>3} %"

    return [
        tables.Column("", lambda row: ">" if row.id == chosen else " "),  # also where nothing can be reversed
        tables.Column("NAME", lambda row: row.name),
        tables.Column("STATUS", session_views.status, whole=True, short=_short_status),
        tables.Column("GPU", session_views.gpu, whole=True, spare=1),
        tables.Column(
            "GPU USE", lambda row: load(row, STEPS), whole=True, short=lambda row: load(row, SHORT_STEPS), spare=4
        ),
        tables.Column("SO FAR", lambda row: money(row.accrued), right=True, spare=3),
        tables.Column("AT MOST", lambda row: money(row.max_cost), right=True),
        tables.Column("LEFT", lambda row: _left(row, now), right=True),
        tables.Column("GUARDS", session_views.guards, whole=True, short=session_views.first_guard, spare=2),
    ]


def _short_status(session: SessionView) -> str:
    """The one word that matters: `unreachable` for `running (unreachable)`."""
    if session.status == "running" and session.health not in ("", "ok"):
        return {"self_ended": "ended?"}.get(session.health, session.health)
    return session_views.status(session).partition(" (")[0]


def _left(session: SessionView, now: int) -> str:
    if session.deadline_at is None:
        return "-"
    left = session.deadline_at - now
    if left <= 0:
        return "over"
    return "< 1m" if left < MINUTE else span(left - left % MINUTE)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
