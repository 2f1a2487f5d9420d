"""docs/alerts.md: its check of a signature accepts what is sent and nothing else, and its topics are all there are."""

from __future__ import annotations

import re
from typing import Any

from gpushopper.core.alarms import HINTS
from gpushopper.core.alerts.alert import TOPICS
from gpushopper.notify.signature import headers_of, new_key
from tests.docs.pages import blocks_of
from tests.floors.tree import ROOT, text_of

PAGE = ROOT / "docs/alerts.md"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_its_check_accepts_what_is_sent_and_nothing_else():
    (code,) = [block.text for block in blocks_of(PAGE) if block.language == "python"]
    page: dict[str, Any] = {}
    exec(compile(code, "docs/alerts.md", "exec"), page)
    body = b'{"type": "test"}'
    headers = headers_of(KEY, "gs-1", 1_796_000_000, body)
    is_ours = page["is_ours"]
    assert is_ours(KEY, headers, body)
    assert not is_ours(KEY, headers, body + b" ")
    assert not is_ours(new_key(), headers, body)
    assert not is_ours(KEY, {**headers, "webhook-id": "gs-2"}, body)
    assert is_ours(KEY, {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}, body)


def test_its_topics_and_kinds_are_those_of_channels():
    rows = re.findall(r"^\| `([\w-]+)` \|", text_of(PAGE), re.MULTILINE)
    assert sorted(rows) == sorted(TOPICS)
    named = {word for words in re.findall(r"--on ([\w,-]+)", text_of(PAGE)) for word in words.split(",")}
    assert named and named <= {*TOPICS, *HINTS}
