"""The public ssh key of a lab's member, whose private half is on a computer of their own: an instance lets both in.

Kept beside the session's own key, and durable before the create, as that is (I23). The daemon needs its own for probes.
"""

from __future__ import annotations

from pathlib import Path

from gpushopper.private_files import private_folder, write_private
from gpushopper.remote.ssh_keys import MEMBER_SUFFIX, key_path


def keep(folder: Path, session_id: str, public_key: str) -> None:
    """Store the key of whom this session's instance lets in beside the daemon.

    Raises:
        OSError: it could not be written.
    """
    private_folder(folder)
    write_private(_path(folder, session_id), public_key + "\n")


def kept(folder: Path, session_id: str) -> str:
    """The key that was stored for a session; empty where there is none."""
    try:
        return _path(folder, session_id).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _path(folder: Path, session_id: str) -> Path:
    return key_path(folder, session_id).with_suffix(MEMBER_SUFFIX)
