"""The comparison of the surroundings detects what an instance could do to this computer."""

from __future__ import annotations

from tests.sandbox.live.surroundings import HARM, canaries, changes, contents


def test_a_deleted_canary_and_a_written_file_are_seen(tmp_path):
    with canaries([tmp_path]) as placed:
        before = contents([tmp_path], placed)
        assert changes(before, contents([tmp_path], placed)) == []
        placed[0].write_text("changed")
        (tmp_path / HARM).touch()
        assert changes(before, contents([tmp_path], placed)) == sorted([f"harm in {tmp_path}", str(placed[0])])
        placed[0].unlink()
        assert str(placed[0]) in changes(before, contents([tmp_path], placed))
    assert [path.name for path in tmp_path.iterdir()] == [HARM]
