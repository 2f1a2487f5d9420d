"""The job that keeps the file from which shells complete names: sessions, consumers, budgets, tags, channels, accounts.

Each line is a kind, a tab and a name. A shell reads it without starting anything, so that TAB is quick, asks no cloud,
and starts no daemon. It holds no secret, and nothing depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress

from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.private_files import write_private
from gpushopper.store import consumers, sessions
from gpushopper.store.money import budgets, tags

MOST_ENDED = 50
"""So many sessions that have ended, the latest ones."""
_PLAIN = re.compile(r"[\w.@%+,:/= -]+")
"""Names that no shell runs a part of, also where a script that is older than this daemon does not quote them."""


class CompletionFile:
    """Keeps the file in step with what is stored, and with `channels`, those in the settings of now."""

    def __init__(self, ctx: Context, channels: Callable[[], Iterable[str]]) -> None:
        self.ctx = ctx
        self._channels = channels
        self._written: tuple[int, tuple[str, ...]] | None = None
        self._text = ""

    def sync(self) -> None:
        """Write it anew, when a commit or another channel has changed what it says."""
        channels = tuple(self._channels())
        written = (self.ctx.store.last_change, channels)
        if written == self._written:
            return
        text = "".join(f"{line}\n" for line in self._lines(channels) if _PLAIN.fullmatch(line.partition("\t")[2]))
        path = self.ctx.home.completion_names
        if text != self._text or not path.exists():
            with suppress(OSError):  # a full disk: TAB may be behind, nothing else
                write_private(path, text)
        self._text, self._written = text, written

    def _lines(self, channels: Iterable[str]) -> list[str]:
        store = self.ctx.store
        with store.read():
            every = sessions.load_sessions(store)
            names = [each.name for each in consumers.load_consumers(store)]
            tagged = {(key, value) for each in tags.tags_by_session(store).values() for key, value in each.items()}
            limits = [each.name for each in budgets.load_budgets(store)]
        ended = sorted((each for each in every if each.ended_at is not None), key=lambda each: -(each.ended_at or 0))
        return [
            *(_line("open", each) for each in every if each.ended_at is None),
            *(_line("ended", each) for each in ended[:MOST_ENDED]),
            *(f"consumer\t{name}" for name in names),
            *(f"budget\t{name}" for name in limits),
            *(f"tag\t{key}={value}" for key, value in sorted(tagged)),
            *(f"tag_key\t{key}" for key in sorted({key for key, _ in tagged})),
            *(f"channel\t{name}" for name in channels),
            *(f"account\t{name}" for name, cloud in self.ctx.clouds.items() if name != cloud),
        ]


def _line(kind: str, session: Session) -> str:
    return f"{kind}\t{session.name}"
