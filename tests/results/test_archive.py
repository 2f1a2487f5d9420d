"""The reader of tar streams: every form that tar and busybox write, and none of what only looks like it."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpushopper.results.archive import BadArchive, CutOff, Member, read_archive


def packed(*members: tuple[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_700_000_000
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def contents(data: bytes, piece: int = 7) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    name = b""
    for item in read_archive(data[at : at + piece] for at in range(0, len(data), piece)):
        if isinstance(item, Member):
            name = item.path
            found[name] = b""
        else:
            found[name] += item
    return found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_short_and_long_names_come_as_they_are(form: int):
    long = "/".join(["d" * 90] * (2 if form == tarfile.USTAR_FORMAT else 9))
    data = packed(("a", b"1"), (long, b"x" * 1500), ("empty", b""), form=form)
    assert contents(data) == {b"a": b"1", long.encode(): b"x" * 1500, b"empty": b""}


def test_archives_in_a_row_are_one():
    assert contents(packed(("a", b"1")) + packed(("b", b"2"))) == {b"a": b"1", b"b": b"2"}


def test_a_stream_that_ends_early_is_cut_off():
    data = packed(("a", b"x" * 3000))
    for length in (100, 512, 513, 2000, 3500):
        with pytest.raises(CutOff):
            contents(data[:length])


@pytest.mark.parametrize(
    ("time", "seconds"),
    [(b"\xff" * 11 + b"\xfb", -5), (b"\x80" + b"\0" * 7 + b"\xff" * 4, 2**32 - 1), (b"\x80" + b"\xff" * 11, None),
     (b"\xff" + b"\0" * 11, None)],
)  # fmt: skip
def test_a_time_is_one_that_a_system_knows(time: bytes, seconds: int | None):
    info = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    info[136:148], info[148:156] = time, b" " * 8
    info[148:156] = b"%06o\0 " % sum(info)
    if seconds is None:
        with pytest.raises(BadArchive):
            list(read_archive([bytes(info)]))
    else:
        assert [item.mtime for item in read_archive([bytes(info)]) if isinstance(item, Member)] == [seconds]


@pytest.mark.parametrize("size", [b"77777777777 ", b"\x80" + b"\xff" * 11, b"-0000000001 "])
def test_an_endless_member_is_read_piece_by_piece_and_an_endless_name_not_at_all(size: bytes):
    def block(kind: bytes) -> bytes:
        info = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
        info[124:136], info[156:157], info[148:156] = size, kind, b" " * 8
        info[148:156] = b"%06o\0 " % sum(info)
        return bytes(info)

    with pytest.raises((BadArchive, CutOff)):
        contents(block(b"0") + bytes(2000))
    with pytest.raises(BadArchive):
        contents(block(b"L") + bytes(2000))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2047), st.binary(min_size=1, max_size=30))
def test_no_damage_makes_it_fail_otherwise(at: int, noise: bytes):
    data = bytearray(packed(("a", b"1" * 600), ("b", b"2")))
    data[at : at + len(noise)] = noise
    with suppress(BadArchive, CutOff):
        contents(bytes(data), 512)
