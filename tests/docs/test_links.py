"""Every link of every document leads somewhere, and every document is found from the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import INDEX, PAGES, anchor, anchors_in, links_in
from tests.floors.tree import ROOT, name_of, text_of


def wrong_links(text: str, page: Path) -> list[str]:
    """Links that lead to no file, or to no heading of it. Addresses elsewhere have to be https; nothing is fetched."""
    wrong = []
    for link in links_in(text):
        path, _, at = link.partition("#")
        if "://" in link:
            wrong += [] if link.startswith("https://") else [link]
            continue
        there = (page.parent / path).resolve() if path else page
        is_here = there == page or (there.exists() and there.is_relative_to(ROOT))
        if not is_here or (at and at not in anchors_in(text if there == page else text_of(there))):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path):
    assert wrong_links(text_of(page), page) == []


def linked_from(page: Path) -> set[Path]:
    return {(page.parent / link.partition("#")[0]).resolve() for link in links_in(text_of(page)) if "://" not in link}


def test_the_index_leads_to_every_document():
    assert [name_of(page) for page in PAGES if page not in {INDEX, *linked_from(INDEX)}] == []


def test_the_readme_leads_to_the_index():
    assert INDEX in linked_from(ROOT / "README.md")


@pytest.mark.parametrize(
    ("link", "is_wrong"),
    [
        ("[a](nowhere.md)", True), ("[a](api.md)", False), ("[a](api.md#no-such-heading)", True),
        ("[a](#here-and-there)", False), ("[a](#nowhere)", True), ("[a](http://example.org)", True),
        ("[a](https://example.org/x)", False), ("`[a](nowhere.md)`", False), ("[a](../../etc/passwd)", True),
    ],
)  # fmt: skip
def test_a_wrong_link_is_found(link: str, is_wrong: bool):
    assert bool(wrong_links(f"# Here, and there\n\n{link}\n", ROOT / "docs" / "page.md")) is is_wrong


def test_an_anchor_is_made_as_github_makes_it():
    assert anchor("Where `secrets` are, and why?") == "where-secrets-are-and-why"
