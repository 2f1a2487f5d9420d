"""`--env-file`: docker's format, the checks of --env, and no line repeated in an error (F103)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli.input.env_file import parse_env_file, read_env_files
from gpushopper.cli.remote import session_setup
from gpushopper.errors import UsageError
from tests.cli.in_process import Inside

HERE = {"TOKEN": "hf_1", "MANY": "a\nb"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# remark\n\n   \n  # another\n", {}),
        ("A=1\nB=two words \n", {"A": "1", "B": "two words "}),
        ("A='x' # y\n", {"A": "'x' # y"}),
        ("A=\n  B=x=y\n", {"A": "", "B": "x=y"}),
        ("A=1\r\nTOKEN\r\n", {"A": "1", "TOKEN": "hf_1"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("TOKEN  ", {"TOKEN": "hf_1"}),
    ],
)
def test_the_format_is_dockers(text: str, found: dict[str, str]):
    assert parse_env_file("f", text, HERE) == found


@pytest.mark.parametrize(
    "line",
    ["sk-secret!", "1A=sk-secret", "A B=sk-secret", "=sk-secret", "GS_X=sk-secret", "A =sk-secret", "MANY", "A=\0"],
)
def test_a_line_that_is_none_is_named_by_its_number_alone(line: str):
    with pytest.raises(UsageError, match=r"^f, line 2: ") as refused:
        parse_env_file("f", f"OK=1\n{line}\n", HERE)
    assert "sk-secret" not in refused.value.message + refused.value.hint


def test_a_token_that_looks_like_a_name_is_not_repeated():
    with pytest.raises(UsageError, match="f, line 1: there is no such variable here") as refused:
        parse_env_file("f", "hf_sEcReT", HERE)
    assert "sEcReT" not in refused.value.message + refused.value.hint


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    (tmp_path / "binary").write_bytes(b"A=\xff")
    (tmp_path / "large").write_bytes(b"#" * (1024 * 1024 + 1))
    for name in ("binary", "large", "absent", "."):
        with pytest.raises(UsageError):
            read_env_files((str(tmp_path / name),), HERE)


def test_an_option_overrides_a_file_and_a_file_is_never_in_the_create(tmp_path: Path):
    (tmp_path / "env").write_text("A=file\nB=file\n")
    given: dict[str, Any] = {
        "plain": ("A=option",), "secret": (), "env_files": (str(tmp_path / "env"),), "setup": None, "onstart": None,
    }  # fmt: skip
    wanted = session_setup.read(given)
    assert wanted.variables == {"A": "option", "B": "file"} and wanted.plain == {"A": "option"}


@pytest.mark.parametrize(
    ("words", "code"), [(("run", "train"), 125), (("provision", "--gpu", "4090", "--hours", "1", "--yes"), 2)]
)
def test_it_is_read_before_anything_is_asked(home: Path, words: tuple[str, ...], code: int):
    said = Inside(home)(*words, "--env-file", "/nonexistent", *(("--", "true") if words[0] == "run" else ()))
    assert said.code == code and "/nonexistent cannot be read" in said.err
    assert not home.exists()
