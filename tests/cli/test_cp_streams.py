"""`cp` with `-`, and with sources that cannot be read: one clear line, whatever our own streams are."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from gpushopper.errors import DiskFull, NotFound, ShopperError, UsageError
from tests.cli.copies import write
from tests.cli.far_side import Far


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Far:
    found = Far(tmp_path, "tar")
    monkeypatch.setenv("PATH", f"{found.bin}:/usr/bin:/bin")
    return found


@pytest.mark.parametrize(
    ("stream", "words"), [("stdin", ("-", "train:new")), ("stdout", ("train:old", "-"))], ids=["in", "out"]
)
def test_a_closed_stream_is_a_clear_error(
    far: Far, monkeypatch: pytest.MonkeyPatch, stream: str, words: tuple[str, str]
):
    write(far.home / "old")
    monkeypatch.setattr(sys, stream, None)  # as Python has it after <&- or >&-
    with pytest.raises(UsageError, match=r"standard (in|out)put is closed"):
        far.copy(*words)
    assert os.listdir(far.home) == ["old"]


def test_standard_output_on_a_full_disk(far: Far, monkeypatch: pytest.MonkeyPatch):
    write(far.home / "old", bytes(200_000))
    full = os.open("/dev/full", os.O_WRONLY)
    with os.fdopen(full, "wb", buffering=0) as raw:
        monkeypatch.setattr(sys, "stdout", Binary(raw))
        with pytest.raises(DiskFull, match="no space left for standard output"):
            far.copy("train:old", "-")


class Binary:
    """A text stream of which only the bytes are used."""

    def __init__(self, buffer: object) -> None:
        self.buffer = buffer


def test_the_hint_for_a_folder_works_when_pasted(far: Far):
    write(far.home / "it's" / "f")
    with pytest.raises(UsageError) as caught:
        far.copy("train:it's", "-")
    *_, line = shlex.split(caught.value.hint)
    assert shlex.split(line) == ["tar", "-cf", "-", "--", "./it's"]


@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_a_link_to_nothing_is_reported(far: Far, is_up: bool):
    give, take = (far.here, far.home) if is_up else (far.home, far.here)
    for folder in (give, take):
        (folder / "link").symlink_to("nowhere")
    write(give / "f")
    for source, target, kind in (("link", "", NotFound), ("f", "link", UsageError)):
        words = (source, f"train:{target}") if is_up else (f"train:{source}", target or ".")
        with pytest.raises(kind, match=r"link.* is a link to nothing"):
            far.copy(*words)
    assert sorted(os.listdir(take)) == ["link"]


def test_excluded_entries_are_not_read(far: Far):
    """A folder that cannot be listed, even by root, stands for one without permission."""
    write(far.here / "data" / "f")
    deep = os.open(far.here / "data", os.O_RDONLY)
    for name in ["deep", *["x" * 250] * 20]:  # longer than a path can be
        os.mkdir(name, dir_fd=deep)
        inner = os.open(name, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    with pytest.raises(ShopperError, match="file name too long"):
        far.copy("data", "train:")
    far.copy("data", "train:", exclude=(b"deep",))
    assert os.listdir(far.home / "data") == ["f"]
