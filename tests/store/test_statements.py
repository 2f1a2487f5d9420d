"""Selects that are spelled once: the same rows as Peewee's own, for every argument."""

from __future__ import annotations

from gpushopper.store.schema.tables import MetaRow
from gpushopper.store.sqlite.statements import cached_select, compile_select


@cached_select
def by_key(key: str):
    return MetaRow.select(MetaRow.value).where(MetaRow.key == key)


def test_each_argument_keeps_its_own_value():
    for key in ("a", "b", "a"):
        assert by_key(key) == compile_select(MetaRow.select(MetaRow.value).where(MetaRow.key == key))
        assert by_key(key).values == (key,)


def test_the_same_argument_is_spelled_once():
    assert by_key("c") is by_key("c")
