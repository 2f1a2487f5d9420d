"""Programs of this computer to hide from an instance: those that its image lacks, and those that a VM has its own of.

What an image lacks (curl, python ...) is read from words in its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from gpushopper.sandbox.live.instance.host_files import VM_TOOLS

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


def names_in(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Return the names in a folder that match one of these patterns."""
    compiled = [re.compile(pattern) for pattern in patterns]
    return sorted(name for name in os.listdir(folder) if any(pattern.fullmatch(name) for pattern in compiled))


def missing(gaps: list[str]) -> dict[str, list[str]]:
    """Return the names that instances with these gaps lack, by folder."""
    return _in_program_folders([GAPS[gap] for gap in gaps])


def replaced_in_vm() -> dict[str, list[str]]:
    """Return the names of this computer's systemctl, poweroff and so on, by folder.

    They act on a systemd that is not inside, and a search path with /usr/bin first would find them before the VM's own.
    """
    return _in_program_folders([re.escape(tool.name) for tool in VM_TOOLS])


def _in_program_folders(patterns: list[str]) -> dict[str, list[str]]:
    folders = [Path(name) for name in PROGRAM_FOLDERS if patterns and Path(name).is_dir()]
    found = {str(folder): names_in(folder, patterns) for folder in folders}
    return {folder: names for folder, names in found.items() if names}
