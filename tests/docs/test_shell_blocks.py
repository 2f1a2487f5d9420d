"""Every shell block of every document is typed: from the top of each page, in the sandbox, in a home of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.followed import Typist
from tests.docs.pages import PAGES, Block, blocks_of
from tests.floors.tree import ROOT, name_of

TRAIN = "gpu-shopper provision --gpu 4090 --hours 2 --name train --yes"
"""Rents the session that pages call `train`."""


class Way(NamedTuple):
    """How a page is followed: what is there before, and the lines that are not typed, each with the reason."""

    before: tuple[str, ...] = ()
    left_out: dict[str, str] = {}
    market: str = "--live"


ASKS = "asks at a terminal: tests/cli/test_keyring.py types it"
INSTALLS = "fetches packages: typed on a bare computer, before a release"
MAKES = "this test is run by it"
README_PYTHON = "tests/scripting/test_readme_example.py runs it"
UNIT = "changes the user's own systemd: tests/cli/test_supervision.py runs it with a stand-in"

WAYS = {
    "README.md": Way(
        left_out={
            "make demo": "tests/cli/test_demo.py runs the command that it runs",
            "make test": MAKES,
            "uv tool install": INSTALLS,
            "export PATH": INSTALLS,
            "gpu-shopper keys set": ASKS,
            "gpu-shopper provision --gpu 4090 --hours 2 --max-price 0.40": "asks: the next page types it with --yes",
            "gpu-shopper provision --gpu 4090 --hours 2 --image": "tests/e2e/test_private_image.py rents it",
            "gpu-shopper daemon install": UNIT,
            "from gpushopper": README_PYTHON,
            "with Client": README_PYTHON,
            "    ": README_PYTHON,
            "17 * * * *": "a line of a crontab: tests/cli/test_cron.py has cron run it",
        },
    ),
    "CONTRIBUTING.md": Way(left_out={"make": MAKES}),
    "docs/quick-start.md": Way(
        left_out={
            "uv tool install": INSTALLS,
            "make dev": INSTALLS,
            "export PATH": INSTALLS,
            "gpu-shopper keys set": ASKS,
        },
    ),
    "docs/alerts.md": Way(
        market="--paper",
        left_out={
            "gpu-shopper notify add team": "asks for an address: tests/cli/test_notify.py types one",
            "gpu-shopper notify test team": "there is no such channel: the next block tests one",
        },
    ),
    "docs/configuration.md": Way(market="--paper"),
    "docs/clouds/vast.md": Way(
        left_out={
            "gpu-shopper keys set vast\n": ASKS,
            "gpu-shopper doctor --trial": "asks: tests/cli/test_doctor_trial.py types it with --yes",
        },
    ),
    "docs/clouds/tensordock.md": Way(left_out={"gpu-shopper keys set tensordock\n": ASKS}),
    "docs/safety-for-users.md": Way(before=(TRAIN,)),
    "docs/scripting.md": Way(),
    "docs/troubleshooting.md": Way(before=(TRAIN,)),
    "docs/metrics.md": Way(
        market="--paper", left_out={"curl": "another home's socket: tests/daemon/test_curl.py asks that of a sandbox"}
    ),
    "docs/schemas/README.md": Way(
        market="--paper", left_out={"check-jsonschema": "is no part of ours: tests/cli/test_schemas.py checks answers"}
    ),
}
ELSEWHERE = {
    "docs/adding-a-cloud.md": "tests/docs/test_adding_a_cloud.py",
    "docs/api.md": "tests/daemon/test_curl.py",
    "docs/deploy/README.md": "tests/packages/test_services.py",
    "docs/lab-server.md": "tests/e2e/test_lab_server.py",
}
"""Pages that another test types."""
TYPED = {"sh", "crontab", "python"}
OTHERS = {"", "console", "toml", "json", "text"}
"""Languages of other blocks; tours in `console` are typed by test_quick_start.py."""
QUESTION = re.compile(r"^gpu-shopper (provision|done|shutdown|extend)\b(?!.*(--yes|--dry-run))", re.MULTILINE)
"""A page for people leaves the question to them; whoever types it here says yes."""


def to_type(blocks: list[Block], way: Way) -> list[str]:
    """The scripts of a page, without what is left out."""
    found = []
    for block in blocks:
        lines = block.text.splitlines(keepends=True) if block.language in TYPED else []
        kept = "".join(line for line in lines if not line.startswith(tuple(way.left_out)))
        if block.language == "crontab":
            kept = re.sub(r"^([\d*/,-]+ ){5}", "", kept, flags=re.MULTILINE)
        elif block.language == "python" and kept:
            kept = f"python3 - <<'END'\n{kept}END\n"
        found += [kept] if kept.strip() else []
    return found


def pages_with_shell() -> Iterator[Path]:
    for page in PAGES:
        if any(block.language in TYPED for block in blocks_of(page)):
            yield page


@pytest.mark.proofs
@pytest.mark.parametrize("page", sorted(WAYS))
def test_every_block_of_a_page_does_what_it_says(top: Path, page: str):
    way = WAYS[page]
    scripts = to_type(blocks_of(ROOT / page), way)
    if not scripts:
        return
    typed = Typist(top, is_in_sandbox=True)
    typed.must(f"gpu-shopper sandbox start {way.market} --seed 5")
    typed.settle()
    try:
        for line in way.before:
            typed.must(line)
        for script in scripts:
            typed.must(QUESTION.sub(r"gpu-shopper \1 --yes", script))
    finally:
        typed("gpu-shopper sandbox stop")


def test_every_page_with_a_shell_block_is_typed():
    typed = {*WAYS, *ELSEWHERE}
    assert [name for page in pages_with_shell() if (name := name_of(page)) not in typed] == []
    assert [name for name in typed if not (ROOT / name).exists()] == []
    assert [test for test in ELSEWHERE.values() if not (ROOT / test).exists()] == []


@pytest.mark.parametrize("page", sorted(WAYS))
def test_no_line_is_left_out_for_nothing_and_each_reason_leads_somewhere(page: str):
    lines = [line for block in blocks_of(ROOT / page) for line in block.text.splitlines(keepends=True)]
    for start, reason in WAYS[page].left_out.items():
        assert any(line.startswith(start) for line in lines), f"{page} has no line {start!r}"
        assert all((ROOT / test).exists() for test in re.findall(r"tests/[\w/]+\.py", reason)), reason


def test_every_block_has_a_language_that_we_know():
    known = TYPED | OTHERS
    wrong = {(name_of(page), block.language) for page in PAGES for block in blocks_of(page)}
    assert {(name, language) for name, language in wrong if language not in known} == set()


def test_a_line_of_a_crontab_is_typed_without_its_times():
    assert to_type([Block("crontab", "7 */2 * * 1-5 a b\n")], Way()) == ["a b\n"]
