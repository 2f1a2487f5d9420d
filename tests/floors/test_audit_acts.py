"""The kinds of events that the audit log takes are kinds that the product writes; a new kind is decided upon here."""

from __future__ import annotations

import re

from gpushopper.core.audit_chain import ACTS, DESTROYING, HISTORY, SPENDING
from tests.floors.tree import files, text_of


def test_every_kind_of_event_is_either_an_act_or_history():
    texts = "".join(text_of(path) for path in files("gpushopper", suffix=".py") if path.name != "audit_chain.py")
    assert SPENDING & DESTROYING == frozenset() == ACTS & HISTORY
    assert {kind for kind in ACTS | HISTORY if f'"{kind}"' not in texts} == set(), "no such event is written"
    written = set(re.findall(r'EventDraft\(\s*"(\w+)"', texts))
    assert written - ACTS - HISTORY == set(), "say in core/audit_chain.py whether it spends or ends something"
