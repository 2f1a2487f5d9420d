"""The session_status view agrees with core."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.attempt import WITH_INSTANCE, Attempt, DesiredState, State
from gpushopper.core.model.session import FAILURES, Status, derive_status
from gpushopper.store import sessions
from gpushopper.store.database import Store
from tests.store.samples import NOW, attempt, raw, session

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    with TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "gpu-shopper.db", now_wall=NOW)
        yield store
        store.close()


@st.composite
def attempts(draw: st.DrawFn, ordinal: int) -> Attempt:
    state = draw(st.sampled_from(State))
    has_id = state in WITH_INSTANCE or (state is State.CLOSED and draw(st.booleans()))
    return attempt(
        f"a{next(NUMBERS)}",
        "",
        state,
        ordinal=ordinal,
        reason=draw(st.sampled_from(["", "user", "duplicate"])),
        desired_state=DesiredState.TERMINATED if state is State.CLOSED else draw(st.sampled_from(DesiredState)),
        instance_id=f"i{next(NUMBERS)}" if has_id else None,
        ready_at=draw(st.sampled_from([None, NOW])) if has_id else None,
    )


cases = st.tuples(
    st.sampled_from(DesiredState),
    st.sampled_from([*sorted(FAILURES), "", "user", "deadline", "budget"]),
    st.integers(0, 3).flatmap(lambda n: st.tuples(*(attempts(ordinal) for ordinal in range(n, 0, -1)))),
)
seen: set[Status] = set()


@given(case=cases)
def test_the_status_view_agrees_with_core(shared: Store, case):
    desired_state, reason, parts = case
    mine = session(f"s{next(NUMBERS)}", desired_state=desired_state, reason=reason)
    held = []
    with shared.transaction():
        sessions.insert_session(shared, mine)
        for part in parts:
            values = {name: getattr(part, name) for name in Attempt.__slots__}
            held.append(Attempt(**{**values, "session_id": mine.id, "id": f"a{next(NUMBERS)}",
                                   "label": f"l{next(NUMBERS)}",
                                   "instance_id": part.instance_id and f"i{next(NUMBERS)}"}))  # fmt: skip
            sessions.insert_attempt(shared, held[-1])
    status = derive_status(mine, sessions.attempts_of(shared, mine.id))
    seen.add(status)
    assert raw(shared, "SELECT status FROM session_status WHERE session_id = ?", mine.id) == [(status.value,)]


def test_every_status_was_among_the_cases():
    assert seen == set(Status), "the property must not be vacuous"
