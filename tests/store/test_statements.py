"""Cached selects are equal to Peewee's own, for every argument."""

from __future__ import annotations

from gpushopper.store.schema.tables import MetaRow
from gpushopper.store.sqlite.statements import cached_select, compile_select


@cached_select
def by_key(key: str):
    return MetaRow.select(MetaRow.value).where(MetaRow.key == key)


def test_cached_selects_differ_by_argument():
    for key in ("a", "b", "a"):
        assert by_key(key) == compile_select(MetaRow.select(MetaRow.value).where(MetaRow.key == key))
        assert by_key(key).values == (key,)


def test_the_same_argument_is_compiled_once():
    assert by_key("c") is by_key("c")
