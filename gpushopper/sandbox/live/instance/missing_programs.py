"""Programs that an image lacks (curl, python ...): read from words in its name, and the file names to hide for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

GAPS: dict[str, str] = {
    "nocurl": r"curl",
    "nowget": r"wget",
    "nopython": r"(python|pypy|pydoc)[\d.]*",
    "noperl": r"perl[\d.]*",
    "noopenssl": r"openssl",
    "nobusybox": r"busybox",
    "norsync": r"rsync",
    "nosftp": r"sftp-server",
}
"""Word in an image's name (`ubuntu:22.04-nocurl-nopython`) and a pattern of the programs its instances lack. This
rule is the sandbox's own: names of real images do not work like this."""

PROGRAM_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/lib/openssh", "/usr/libexec")


def gaps_of(image: str | None) -> list[str]:
    """Return the words of GAPS in an image's name, in the order of the table."""
    words = re.split(r"[-:/]", image or "")
    return [gap for gap in GAPS if gap in words]


def names_in(folder: Path, gaps: Iterable[str]) -> list[str]:
    """Return the names in a folder that instances with these gaps lack."""
    patterns = [re.compile(GAPS[gap]) for gap in gaps]
    return sorted(name for name in os.listdir(folder) if any(pattern.fullmatch(name) for pattern in patterns))


def missing(gaps: list[str]) -> dict[str, list[str]]:
    """Return the names to hide, by folder."""
    folders = [Path(name) for name in PROGRAM_FOLDERS if gaps and Path(name).is_dir()]
    found = {str(folder): names_in(folder, gaps) for folder in folders}
    return {folder: names for folder, names in found.items() if names}
