"""The licences of what an installation brings, by the metadata of what is installed here; `make licences` writes them.

A package tells its licence as an SPDX expression (PEP 639), else as a classifier, else in words.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.utils import canonicalize_name

from tests.floors.tree import ROOT, text_of
from tests.packages.installers import LOCK
from tests.packages.test_lock import SANDBOX, WANTED, locked

FILE = ROOT / "docs" / "licences.md"

SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "BSD": "BSD-3-Clause",
}
"""Classifiers and words to the SPDX name that they mean."""

OSI = "License :: OSI Approved :: "
TEXTS = {"MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy"}
"""What a licence's own text says, for a package that has the text alone."""

COMPATIBLE = {
    "MIT": "permissive",
    "MIT-0": "permissive",
    "ISC": "permissive",
    "BSD-2-Clause": "permissive",
    "BSD-3-Clause": "permissive",
    "Apache-2.0": "permissive",
    "PSF-2.0": "permissive",
    "0BSD": "permissive",
    "MPL-2.0": "copyleft by file: changes to its own files stay under it",
    "EPL-2.0": "copyleft by module: changes to its own files stay under it",
}
"""Licences that a program under the MIT licence may depend on; nothing follows for us unless we change their files."""

HEAD = """\
# Licences of dependencies

GPU Shopper is under the [MIT licence](../LICENSE). It contains no other project's code; an installation brings these
packages, each under its own licence. The table is made from their metadata by `make licences`, and a test compares it;
what is not in `COMPATIBLE` of `tests/packages/licences.py` fails that test.

| package | licence | which is | why it is here |
|---|---|---|---|
"""


def licence_of(package: Distribution) -> str:
    """A package's licence as an SPDX expression; as it is told where we do not know what it means."""
    fields = package.metadata
    if expression := fields["License-Expression"]:
        return expression
    field = (fields["License"] or "").strip()
    if field and meaning(field):
        return field
    told = [line.rpartition(" :: ")[2] for line in fields.get_all("Classifier", []) if line.startswith(OSI)]
    if words := told or field.splitlines()[:1]:
        return " OR ".join(sorted(SPDX.get(word, word) for word in words))
    texts = [package.read_text(f"licenses/{name}") or "" for name in fields.get_all("License-File", [])]
    return next((name for name, words in TEXTS.items() for text in texts if words in text), "unknown")


def choices(expression: str) -> list[list[str]]:
    """The licences that one may choose between, each with all that go with it: `(A AND B) OR C`."""
    return [re.findall(r"[\w.-]+", side.replace("AND", "")) for side in re.split(r"\bOR\b", expression)]


def meaning(expression: str) -> str | None:
    """What a licence means for us; None where no choice of it is known to be compatible with ours."""
    allowed = [choice for choice in choices(expression) if all(name in COMPATIBLE for name in choice)]
    return min(("; ".join(sorted({COMPATIBLE[name] for name in choice})) for choice in allowed), key=len, default=None)


def reason(name: str) -> str:
    """Why a package is here: we use it, or one that we use does."""
    direct = {canonicalize_name(wanted.name) for wanted in WANTED}
    if name in SANDBOX:
        return "used by us, with the extra `sandbox` only"
    if name in direct:
        return "used by us"
    block = re.search(rf"^{re.escape(name)}==.*?(?=^\w|\Z)", LOCK.read_text(), re.MULTILINE | re.DOTALL)
    users = re.findall(r"#\s+(?:via )?([\w-]+)$", block[0] if block else "", re.MULTILINE)
    return "used by " + ", ".join(user for user in users if user != "via")


def rows() -> dict[str, str]:
    """A line of the table for each package of the lock file that is installed here."""
    found = {}
    for name in sorted(locked()):
        try:
            licence = licence_of(distribution(name))
        except PackageNotFoundError:  # of another system, or for another Python
            continue
        found[name] = f"| {name} | {licence} | {meaning(licence)} | {reason(name)} |\n"
    return found


def written() -> dict[str, str]:
    """The lines of the file as it is, by their package."""
    lines = text_of(FILE).removeprefix(HEAD).splitlines(keepends=True) if FILE.exists() else []
    return {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}


def main() -> None:
    """Write the file; a package that is not installed here, such as one for another Python, keeps its line."""
    lines = {name: line for name, line in written().items() if name in locked()} | rows()
    FILE.write_text(HEAD + "".join(lines[name] for name in sorted(lines)), encoding="utf-8")


if __name__ == "__main__":
    main()
