"""A stand-in for an instance: `ssh` runs what it is given in a private folder, with the programs an image may have."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpushopper.cli import new_app
from gpushopper.cli.app import App
from gpushopper.cli.error_report import report
from gpushopper.cli.process.daemon_client import open_client
from gpushopper.cli.process.homes import choose_home
from gpushopper.cli.remote.copy.copying import Copy, CopyOptions, CopyResult
from gpushopper.cli.remote.copy.path_arguments import parse_arguments
from gpushopper.wire import ConnectionView

LIMIT_S = 120
SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")
# All that the scripts of a copy need; an image has them from coreutils, or from busybox.
NEEDED = ("sh", "stat", "readlink", "mkdir", "mv", "rm", "chmod", "ln", "cat", "dd", "wc", "df")
OFTEN = ("find", "grep")
SSH = """#!/bin/sh
subsystem=
while [ $# -gt 0 ]; do
  case $1 in
  -o|-F) shift 2 ;;
  -s) subsystem=1; shift ;;
  -*) [ "$1" = -- ] && break; shift ;;
  *) break ;;
  esac
done
[ "$1" = -- ] && shift
shift
{ENTER}
cd {HOME} || exit 255
if [ -n "$subsystem" ]; then
  if [ -e {LIMIT} ]; then exec {PYTHON} {SELF} {LIMIT} sh -c '{SFTP}'; fi
  {SFTP}
fi
set -- /usr/bin/env -i HOME={HOME} PATH={PATH} LC_ALL=C {SHELL} -c "$*"
if [ -e {LIMIT} ]; then exec {PYTHON} {SELF} {LIMIT} "$@"; fi
exec "$@"
"""


class Far:
    """The other side; `copy` runs the command's own code in this process."""

    def __init__(
        self, top: Path, carrier: str = "tar", *, shell: str = "dash", programs: str = "system", greeting: str = ""
    ) -> None:
        self.top, self.carrier, self.greeting = top, carrier, greeting
        self.home, self.here, self.bin = top / "far", top / "here", top / "bin"
        self.notes: list[str] = []
        if self.home.exists():
            return  # made by another process
        for folder in (self.home, self.here, self.bin, top / "farbin"):
            folder.mkdir()
        self._fill(programs)
        (top / "farbin" / "sh").unlink(missing_ok=True)
        (top / "farbin" / "sh").symlink_to(which(shell))
        self.write_ssh()

    @property
    def limit(self) -> Path:
        """While this file exists, a connection is lost after the bytes it says; those carried are noted beside it."""
        return self.top / "limit"

    @contextmanager
    def thin(self, limit: int, then: str = "lost") -> Iterator[Path]:
        """Let connections carry so many bytes each way, then be lost, or hang; yields where they are counted."""
        self.limit.write_text(f"{limit} {then}")
        try:
            yield self.limit.with_suffix(".count")
        finally:
            self.limit.unlink()

    def _fill(self, programs: str) -> None:
        names = [*NEEDED, *(() if programs == "bare" else OFTEN), "tar"]
        for name in names:
            target = which("busybox") if programs == "busybox" else which(name)
            (self.top / "farbin" / name).symlink_to(target)
        if self.carrier == "rsync":
            (self.top / "farbin" / "rsync").symlink_to(which("rsync"))
        (self.bin / "rsync").symlink_to(which("rsync")) if shutil.which("rsync") else None

    def write_ssh(self) -> None:
        sftp = f"exec {SFTP_SERVER}" if self.carrier == "sftp" else "echo 'subsystem request failed' >&2; exit 255"
        programs = self.top / "farbin"
        words: dict[str, object] = {"HOME": self.home, "PATH": programs, "SHELL": programs / "sh", "SFTP": sftp}
        enter = f"printf '{self.greeting}\\n'" if self.greeting else ""
        words |= {"LIMIT": self.limit, "PYTHON": sys.executable, "SELF": Path(__file__).with_name("thin_line.py")}
        text = SSH.replace("{ENTER}", enter)
        for name, value in words.items():
            text = text.replace("{" + name + "}", str(value))
        (self.bin / "ssh").write_text(text)
        (self.bin / "ssh").chmod(0o755)

    @property
    def view(self) -> ConnectionView:
        return ConnectionView(
            session="s1", name="train", attempt="a1", health="ok", is_simulated=False, user="root", host="far", port=22,
            options=["User=root"],
        )  # fmt: skip

    def copy(self, *words: str, exclude: tuple[bytes, ...] = (), mkdir: bool = False) -> CopyResult:
        """Copy as `cp` does, from the folder `here`."""
        before = os.getcwd()
        os.chdir(self.here)
        late = threading.Timer(LIMIT_S, os.kill, (os.getpid(), signal.SIGTERM))
        late.start()
        try:
            return self._copy(Quiet(self.notes), words, CopyOptions(exclude, mkdir))
        except KeyboardInterrupt as error:
            raise AssertionError("the copy hangs") from error
        finally:
            late.cancel()
            os.chdir(before)

    def _copy(self, app: App, words: tuple[str, ...], wishes: CopyOptions) -> CopyResult:
        return Copy(app, self.view, parse_arguments(words), wishes).perform()

    def run(self, *words: str) -> int:
        """Copy as a command that ends: its status, with the error said."""
        app = new_app()
        os.chdir(self.here)
        try:
            self._copy(app, words, CopyOptions())
        except BaseException as error:  # noqa: BLE001 - as the command line does
            return report(app, error)
        return 0


class Quiet(App):
    """Collects notes."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(choose_home, open_client)
        self.notes = notes

    def note(self, text: str) -> None:
        self.notes.append(text)


def which(program: str) -> str:
    found = shutil.which(program)
    assert found is not None, program
    return found


if __name__ == "__main__":
    sys.exit(Far(Path(sys.argv[1])).run(*sys.argv[2:]))
