"""What a request for costs asks, and which attempts it means: by session, consumer and tag (I26)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpushopper.core.model.session import Session
from gpushopper.core.spending.window import Window
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find
from gpushopper.store import consumers
from gpushopper.store.money.charged_attempts import ChargedAttempt, charged_attempts
from gpushopper.store.money.tags import tags_by_session

DAY, MONTH, SESSION, TAG = "day", "month", "session", "tag"
GROUPS = (SESSION, "consumer", "cloud", "account", "gpu", TAG, DAY, MONTH)


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """Costs of a session, a consumer or a tag (`paper`, `paper=neurips`), or of all, over a window, grouped."""

    ref: str | None = None
    consumer: str | None = None
    tag: str | None = None
    by: str = SESSION
    window: Window = field(default_factory=Window)

    @property
    def is_about_all(self) -> bool:
        """Whether every attempt counts."""
        return self.ref is None and self.consumer is None and self.tag is None


@dataclass(frozen=True, slots=True)
class Meant:
    """The attempts that a question means, by id, and the tags of sessions where they are asked for."""

    attempts: Mapping[str, ChargedAttempt]
    tags: Mapping[str, Mapping[str, str]]


def meant_by(ctx: Context, question: CostQuestion) -> Meant:
    """Find them. Call it inside `ctx.store.read()`.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    session: Session | None = None if question.ref is None else find(ctx, question.ref)
    consumer = None if question.consumer is None else consumers.present_name(ctx.store, question.consumer)
    found = charged_attempts(ctx.store, None if session is None else session.id, consumer)
    tags = tags_by_session(ctx.store) if question.tag is not None or question.by == TAG else {}
    if question.tag is not None:
        found = [each for each in found if has_tag(tags.get(each.session_id, {}), question.tag)]
    return Meant({each.attempt_id: each for each in found}, tags)


def has_tag(tags: Mapping[str, str], wanted: str) -> bool:
    """Whether a session has this tag: with any value where only a key is asked for."""
    key, equals, value = wanted.partition("=")
    return key in tags and (not equals or tags[key] == value)
