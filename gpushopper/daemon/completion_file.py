"""The job that keeps the file from which shells complete names: sessions, runs, offers, consumers, budgets, tags, ...

Each line is a kind, a tab and a name; that of a run has a tab and its session's name more. A shell reads it without
starting anything, so that TAB is quick, asks no cloud, and starts no daemon. It holds no secret, and nothing depends on
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress

from gpushopper.engine.context import Context
from gpushopper.kept_runs import kept_run_ids
from gpushopper.private_files import write_private
from gpushopper.store import alarms, consumers, sessions
from gpushopper.store.money import budgets, tags
from gpushopper.store.sqlite.backups import backups

MOST_ENDED = 50
"""So many sessions that have ended, the latest ones."""
MOST_RUNS = 20
"""So many kept runs of each session, the newest ones."""
_PLAIN = re.compile(r"[\w.@%+,:/= -]+")
"""Names that no shell runs a part of, also where a script that is older than this daemon does not quote them."""

_Line = tuple[str, ...]


class CompletionFile:
    """Keeps the file in step with what is stored, with `channels`, those in the settings of now, and with `offers`,
    what searches have found in the last minutes."""

    def __init__(
        self, ctx: Context, channels: Callable[[], Iterable[str]], offers: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self.ctx = ctx
        self._channels, self._offers = channels, offers
        self._written: tuple[int, tuple[_Line, ...]] | None = None
        self._text = ""

    def sync(self) -> None:
        """Write it anew, when a commit, another channel or a search has changed what it says."""
        copies = [one.path.name for one in backups(self.ctx.home.database)]
        others = (*_named("channel", self._channels()), *_named("offer", self._offers()), *_named("backup", copies))
        written = (self.ctx.store.last_change, others)
        if written == self._written:
            return
        text = "".join("\t".join(line) + "\n" for line in self._lines(others) if all(map(_PLAIN.fullmatch, line)))
        path = self.ctx.home.completion_names
        if text != self._text or not path.exists():
            with suppress(OSError):  # a full disk: TAB may be behind, nothing else
                write_private(path, text)
        self._text, self._written = text, written

    def _lines(self, others: Iterable[_Line]) -> list[_Line]:
        store = self.ctx.store
        with store.read():
            every = sessions.load_sessions(store)
            names = [each.name for each in consumers.load_consumers(store)]
            tagged = {(key, value) for each in tags.tags_by_session(store).values() for key, value in each.items()}
            limits = [each.name for each in budgets.load_budgets(store)]
            shown_alarms = [str(each.id) for each in alarms.open_alarms(store)]
        ended = sorted((each for each in every if each.ended_at is not None), key=lambda each: -(each.ended_at or 0))
        shown = [*(each for each in every if each.ended_at is None), *ended[:MOST_ENDED]]
        return [
            *(("open" if each.ended_at is None else "ended", each.name) for each in shown),
            *_named("consumer", names),
            *_named("budget", limits),
            *_named("alarm", shown_alarms),
            *_named("tag", (f"{key}={value}" for key, value in sorted(tagged))),
            *_named("tag_key", sorted({key for key, _ in tagged})),
            *others,
            *_named("account", (name for name, cloud in self.ctx.clouds.items() if name != cloud)),
            *(("run", run, each.name) for each in shown for run in kept_run_ids(self.ctx.home, each.id)[:MOST_RUNS]),
        ]


def _named(kind: str, names: Iterable[str]) -> list[_Line]:
    return [(kind, name) for name in names]
