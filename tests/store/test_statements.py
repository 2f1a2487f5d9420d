"""Cached selects are equal to Peewee's own, for every argument."""

from __future__ import annotations

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import MetaRow
from gpushopper.store.sqlite.statements import CompiledSelect, cached_select, compile_select, run


@cached_select
def by_key(key: str):
    return MetaRow.select(MetaRow.value).where(MetaRow.key == key)


def test_cached_selects_differ_by_argument():
    for key in ("a", "b", "a"):
        assert by_key(key) == compile_select(MetaRow.select(MetaRow.value).where(MetaRow.key == key))
        assert by_key(key).values == (key,)


def test_the_same_argument_is_compiled_once():
    assert by_key("c") is by_key("c")


@pytest.mark.parametrize(
    "select",
    [sessions._attempts_at(None, True), sessions._attempts_at("vast", True), sessions._sessions_of(True, None)],
)
def test_what_every_step_selects_is_planned_once(select: CompiledSelect):
    """A bound value that an index of some rows depends on has SQLite plan the select anew at each run: 100 µs."""
    assert State.CLOSED not in select.values


def test_open_attempts_at_an_account_are_found_by_their_index(store: Store):
    select = sessions._attempts_at("vast", True)
    plan = run(store.database, f"EXPLAIN QUERY PLAN {select.text}", select.values)
    assert any("attempts_open" in str(line) for line in plan), plan
