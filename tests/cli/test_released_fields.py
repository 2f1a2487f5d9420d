"""Under one schema number fields are only added: programs that were written for an older version go on working."""

from __future__ import annotations

import json

from tests.cli import json_schemas, released_fields


def test_no_released_field_is_gone_or_of_another_type():
    """`make schemas` adds what is new."""
    assert list(released_fields.broken(released_fields.read(), released_fields.present())) == []


def test_every_field_is_released():
    assert released_fields.FILE.read_text() == released_fields.text_of(released_fields.present())


def test_what_is_removed_renamed_or_retyped_is_found():
    was = {"ls": {"schema": "always 1", "a": "string", "b": "integer?"}}
    for now, faults in (
        ({"ls": {"schema": "always 1", "a": "string", "b": "integer", "c": "string"}, "new": {}}, 0),
        ({"ls": {"schema": "always 1", "b": "integer?"}}, 1),
        ({"ls": {"schema": "always 1", "a": "string|null", "b": "integer?"}}, 1),
        ({"ls": {"schema": "always 2", "a": "string", "b": "integer?"}}, 1),
        ({"list": was["ls"]}, 1),
    ):
        assert len(list(released_fields.broken(was, now))) == faults, now


def test_a_field_that_may_be_absent_from_now_on_is_a_change():
    assert list(released_fields.broken({"ls": {"a": "string"}}, {"ls": {"a": "string?"}}))


def test_types_of_the_files_are_told_apart():
    view = json.loads(json_schemas.files()["views.json"])["$defs"]["SessionView"]
    found = released_fields.of_schemas({"views.json": {"$defs": {"SessionView": view}}})["views SessionView"]
    assert found["rate_micros"] == "integer" and found["rate_usd"] == "string dollars"
    assert found["deadline_at"] in ("string date-time", "string|null date-time")
