"""Records at the daemon what is about to be sent to an instance, before the first byte of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

LONGEST = 1000
"""Characters of a path that are recorded, from its end: that says which file it is."""
STANDARD_INPUT = "standard input"


def record_files(app: App, found: ConnectionView, means: str, sources: Iterable[bytes | None], target: bytes) -> None:
    """Record local files and folders by their whole paths; None: standard input."""
    files = [STANDARD_INPUT if path is None else _shown(os.path.abspath(path)) for path in sources]
    app.client.record_sent(found, means, _shown(target), files=files, variables=[])


def record_variables(app: App, found: ConnectionView, run: str, names: Iterable[str]) -> None:
    """Record the variables of a run, by their names alone (I21)."""
    variables = sorted(names)
    if variables:
        app.client.record_sent(found, "run", run, files=[], variables=variables)


def record_setup(app: App, found: ConnectionView, names: Iterable[str], scripts: Iterable[str]) -> None:
    """Record the variables that a new instance gets over ssh, by their names, and the scripts of its set-up."""
    app.client.record_sent(found, "provision", "~/.gpu-shopper", files=list(scripts), variables=sorted(names))


def _shown(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    return (text if text.isprintable() else ascii(text)[1:-1])[-LONGEST:]
