"""What a test needs beyond README's list, and the reason to skip it without that.

A test that lacks something is skipped with a reason that begins with "needs"; the summary at the end counts those
reasons and names the Debian packages (tests/reporting.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = {
    "bash": "bash",
    "buildah": "buildah",
    "busybox": "busybox",
    "cron": "cron",
    "crontab": "cron",
    "crun": "crun",
    "curl": "curl",
    "dash": "dash",
    "dbus-run-session": "dbus",
    "debootstrap": "debootstrap",
    "fish": "fish",
    "groff": "groff-base",
    "gnome-keyring-daemon": "gnome-keyring",
    "libfaketime": "libfaketime",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "pgrep": "procps",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "rsync": "rsync",
    "setpriv": "util-linux",
    "sftp-server": "openssh-sftp-server",
    "shellcheck": "shellcheck",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "tmux": "tmux",
    "unshare": "util-linux",
    "wget": "wget",
    "zsh": "zsh",
}
"""Program or library to the Debian package that brings it."""

LIBRARIES = {
    "libfaketime": "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "sftp-server": "/usr/lib/openssh/sftp-server",
}
"""What is no program on the PATH, by where Debian puts it."""


def find(name: str) -> str | None:
    """Return the path of a program or library, None where it is not installed."""
    if name in LIBRARIES:
        return next((str(path) for path in Path("/").glob(LIBRARIES[name].removeprefix("/"))), None)
    return shutil.which(name)


def lacking(*names: str) -> str:
    """Return the reason to skip for what is not installed here; empty when everything is."""
    absent = [name for name in names if find(name) is None]
    return f"needs {', '.join(absent)}" if absent else ""


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where one of these programs or libraries is not installed."""
    unknown = set(names) - PACKAGES.keys()
    assert not unknown, f"add to tests/needs.py: {unknown}"
    return pytest.mark.skipif(bool(reason := lacking(*names)), reason=reason)


def require(*names: str) -> None:
    """Skip the running test or fixture where one of these is not installed."""
    if reason := lacking(*names):
        pytest.skip(reason)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _other_user_can_run_us() -> bool:
    """Whether another user may read this Python and the project; a home folder is often closed to others."""
    if os.geteuid() != 0 or find("setpriv") is None:
        return False
    who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*who, sys.executable, "-c", "import gpushopper.cli"]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


needs_other_user = pytest.mark.skipif(
    not _other_user_can_run_us(), reason="needs root, and a project folder that other users can read"
)
"""For what is run as the user 65534."""


def packages(reasons: list[str]) -> list[str]:
    """Return the Debian packages that the reasons of skipped tests ask for, sorted."""
    words = {word.strip() for reason in reasons for word in reason.removeprefix("needs ").split(",")}
    return sorted({PACKAGES[word] for word in words if word in PACKAGES})
