"""A GPU's name and memory, read from TensorDock's key for it: `geforcertx4090-pcie-24gb` is an RTX 4090 with 24 GB.

Instances carry only the key (tensordock.md 6), so an offer's name is taken from it, too: the two must agree.
"""

from __future__ import annotations

import re

_MEMORY = re.compile(r"(?<![0-9])([0-9]{1,4})\s*gb", re.IGNORECASE)
_SERIES = re.compile(r"(geforce|quadro|tesla|nvidia)?(rtx|gtx)?(pro)?(a?[0-9]{3,4}|[a-z]+[0-9]*)?(.*)")
_SUFFIXES = re.compile(r"super|ti|ada|max-?q|[a-z]+|[0-9]+")
_SPELT = {"super": "SUPER", "ti": "Ti", "ada": "Ada", "s": "S"}
_ONE_FORM = re.compile(r"pcie")
_MANY_FORMS = re.compile(r"[avhb][0-9]{3}|p100", re.IGNORECASE)
"""Chips that are built in more than one form: of these the form is part of the name."""
GB = 1024
"""MB."""


def name_of(key: str) -> str:
    """The name for people, in the spelling of other clouds where the key follows the known pattern."""
    model, *parts = key.lower().split("-")
    forms = [part for part in parts if not _MEMORY.fullmatch(part)]
    chip = model.removeprefix("nvidia").removeprefix("tesla")
    if not _MANY_FORMS.fullmatch(chip):
        forms = [form for form in forms if not _ONE_FORM.fullmatch(form)]
    return " ".join([_model(model), *(form.upper() for form in forms)])


def vram_mb_of(key: str, shown: str = "") -> int | None:
    """The memory of one GPU in MB: from the key, else from the name that is shown (tensordock.md 4)."""
    found = _MEMORY.search(key) or _MEMORY.search(shown)
    return int(found[1]) * GB if found and int(found[1]) > 0 else None


def _model(token: str) -> str:
    found = _SERIES.fullmatch(token)
    if found is None or not (found[2] and found[4]):
        return token.removeprefix("nvidia").removeprefix("tesla").removeprefix("quadro").upper()
    suffixes = [_SPELT.get(word, word.upper()) for word in _SUFFIXES.findall(found[5])]
    pro = ["PRO"] if found[3] else []
    return " ".join([found[2].upper(), *pro, found[4].upper(), *suffixes])
