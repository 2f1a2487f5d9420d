"""`why` says in words who carries out an end, and what an account that is left out of a plan needs."""

from __future__ import annotations

import pytest

from gpushopper import wire
from gpushopper.cli import new_app
from gpushopper.cli.output.endings.why_view import by_words
from gpushopper.cli.output.offer_table import note_missing


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        ("D+I", "itself, or this computer"), ("D", "this computer"), ("D+P", "its cloud's timer, or this computer"),
        ("X", "X"),
    ],
)  # fmt: skip
def test_who_ends_it_is_said_in_words(letters: str, words: str) -> None:
    assert by_words(letters) == words


def test_an_account_that_a_flag_would_let_in_is_told_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    hint = "accept it with --allow-unguarded, or rent elsewhere: --provider NAME"
    left_out = [wire.MissingAccount("tensordock", "left_out", "it bills on", hint=hint)]
    for words, shown in (
        (["plan", "--sandbox", "--gpu", "RTX 4090"], "gpu-shopper --sandbox plan --gpu 'RTX 4090' --allow-unguarded"),
        (["provision", "-e", "TOKEN=1"], hint),
    ):
        app = new_app()
        app.words, app.use_sandbox = words, True
        note_missing(app, left_out)
        assert capsys.readouterr().err.endswith(f"{shown}\n")
