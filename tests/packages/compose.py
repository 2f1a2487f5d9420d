"""Reads docs/deploy/compose.yml and Dockerfile: what each service runs, with which variables, folders and files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.floors.tree import ROOT, text_of

DEPLOY = ROOT / "docs" / "deploy"
COMPOSE, DOCKERFILE = DEPLOY / "compose.yml", DEPLOY / "Dockerfile"


class Image(NamedTuple):
    """What an image brings, as its Dockerfile says."""

    entrypoint: list[str]
    command: list[str]
    variables: dict[str, str]
    user: str


def image() -> Image:
    """Ours."""
    text = text_of(DOCKERFILE).replace("\\\n", " ")
    last = text.rpartition("\nFROM ")[2]
    found = {name: words for name, words in re.findall(r"^([A-Z]+) (.*)$", last, re.MULTILINE)}
    variables = dict(pair.split("=", 1) for pair in found["ENV"].split())
    return Image(yaml.safe_load(found["ENTRYPOINT"]), yaml.safe_load(found["CMD"]), variables, found["USER"])


@cache
def document() -> dict[str, Any]:
    """The whole file, anchors merged."""
    return yaml.safe_load(text_of(COMPOSE))


def service(name: str) -> dict[str, Any]:
    """One service, its defaults taken in."""
    return document()["services"][name]


def wanted(profile: str = "") -> list[str]:
    """The services that `up` starts, with a profile those of it too."""
    return [
        name for name, row in document()["services"].items() if not row.get("profiles") or profile in row["profiles"]
    ]


def mounts(name: str, volumes: Path) -> dict[str, Path]:
    """Where a service sees what: path in the container to path here; named volumes are folders in `volumes`."""
    row, found = service(name), {}
    for source, target, *_ in (text.split(":") for text in row.get("volumes", [])):
        found[target] = (DEPLOY / source).resolve() if source.startswith(".") else volumes / source
    for secret in row.get("secrets", []):
        found[secret["target"]] = (DEPLOY / document()["secrets"][secret["source"]]["file"]).resolve()
    return found
