"""The manual pages: they say what help says, and roff takes them without a warning."""

from __future__ import annotations

import re
import subprocess

import pytest

from gpushopper.cli import COMMANDS
from tests.cli.man_pages import FOLDER, pages
from tests.needs import needs


def test_the_pages_say_what_help_says():
    """`make man` writes them anew."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*")} == pages()


def test_every_command_has_a_page():
    assert {f"gpu-shopper-{name}.1" for _, name, *_ in COMMANDS} | {"gpu-shopper.1"} == set(pages())


def test_a_page_has_examples_options_and_verbs():
    found = pages()
    provision = found["gpu-shopper-provision.1"]
    assert ".SH EXAMPLES\n.nf\ngpu\\-shopper provision \\-\\-gpu 4090" in provision
    assert ".B \\-\\-max\\-price" in provision
    assert (
        '.SH "KEYS SET"' in found["gpu-shopper-keys.1"] and '.SS "sandbox fault add"' in found["gpu-shopper-sandbox.1"]
    )
    assert '.SH "EXIT CODES"' in found["gpu-shopper.1"]


def test_options_stand_under_a_heading():
    """Somebody in a pager types /OPTIONS."""
    for name, page in pages().items():
        before = page.partition(".TP")[0]
        assert ".TP" not in page or re.search(r"\n(\.S[HS] )?(OPTIONS|COMMANDS|Options)", before), name
    assert ".SS Options\n.TP\n.B \\-\\-user NAME" in pages()["gpu-shopper-keys.1"]
    assert "\nOptions:\n.TP\n.B \\-\\-count N" in pages()["gpu-shopper-sandbox.1"]


@pytest.mark.proofs
@needs("groff")
def test_roff_takes_every_page_without_a_warning():
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", *map(str, sorted(FOLDER.glob("*.1")))],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
