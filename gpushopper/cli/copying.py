"""One copy to or from an instance: which program carries it, and its progress."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from gpushopper.cli import login
from gpushopper.cli.last_words import LastWords
from gpushopper.errors import NotFound, ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

_RSYNC_3 = re.compile(r"rsync\s+version 3\.")
"""What calls itself rsync on macOS knows neither progress nor safe names."""
# Times are compared to the last digit: by whole seconds two files of one length could be taken for the same.
RSYNC = ("rsync", "-a", "-s", "--no-owner", "--no-group", "--modify-window=-1", "--partial", "--info=progress2")
_PERCENT = re.compile(rb"(\d{1,3})%\s+(\S+/s)")

_LOOK = """
p={path}
[ -d "$p" ] && echo is-folder
[ -e "$p" ] && echo is-there
[ -d "$p" ] && p=${{p%/}}/{name}
[ -f "$p" ] && echo is-begun size-$(stat -Lc %s "$p")
command -v rsync >/dev/null && echo has-rsync
:
"""


class Copy(NamedTuple):
    """What is copied where; one path is here, the other on the instance."""

    found: ConnectionView
    source: str
    target: str
    is_upload: bool
    resume: bool

    @property
    def remote_path(self) -> str:
        """The path there. A plain one begins in the home folder, as one under ~ does."""
        path = self.target if self.is_upload else self.source
        return path[2:] or "." if path.startswith("~/") else "." if path == "~" else path


def perform(app: App, job: Copy) -> str:
    """Copy, and tell by which program.

    Raises:
        NotFound: there is no such source.
        ShopperError: the copy failed; what came over stays.
    """
    if job.is_upload and not Path(job.source).exists():
        raise NotFound(f"there is no {job.source}", code="file_not_found")
    traits = _look(job)
    if not job.is_upload and "is-there" not in traits:
        raise NotFound(f"there is no {job.source} on {job.found.name}", code="file_not_found")
    if "has-rsync" in traits and _has_rsync():
        _run(app, job, _rsync_argv(job, "is-folder" in traits), rsync=True)
        return "rsync"
    if job.resume:
        is_folder = Path(job.source).is_dir() if job.is_upload else "is-folder" in traits
        if is_folder:
            raise UsageError("a folder can only be resumed by rsync", f"install rsync here and on {job.found.name}")
        if job.is_upload and f"size-{Path(job.source).stat().st_size}" in traits:
            return "sftp"  # it is all there, which sftp would call a failure
        argv = ["sftp", *login.options(job.found), "-b", "-", _host(job.found)]
        _run(app, job, argv, batch=_sftp_line(job, "is-begun" in traits))
        return "sftp"
    app.goes_on = "what has been copied is kept; the same command begins anew, with --resume it goes on"
    _run(app, job, _scp_argv(job))
    return "scp"


def _look(job: Copy) -> set[str]:
    path = job.remote_path
    name = Path(job.source).name if job.is_upload else ""
    words = {"path": f"./{path}" if path.startswith("-") else path, "name": name}
    said = login.ask(job.found, _LOOK.format(**{word: shlex.quote(text) for word, text in words.items()}))
    if said.status:
        raise login.failed(job.found, said, "files cannot be looked at")
    return set(said.out.split())


def _has_rsync() -> bool:
    program = shutil.which("rsync")
    if program is None:
        return False
    said = subprocess.run([program, "--version"], capture_output=True, text=True, errors="replace", check=False)
    return bool(_RSYNC_3.search(said.stdout))


def _rsync_argv(job: Copy, remote_is_folder: bool) -> list[str]:
    """As cp does it: into a target that is a folder, else under the target's own name."""
    shell = " ".join(_rsync_word(word) for word in ["ssh", *login.options(job.found)])
    if job.is_upload:
        here, there = Path(job.source), job.remote_path
        into = remote_is_folder and here.is_dir()
        target = f"{there.rstrip('/')}/{here.resolve().name}" if into else there
        ends = [_local(f"{job.source.rstrip('/')}/" if here.is_dir() else job.source), f"{_host(job.found)}:{target}"]
    else:
        name = job.remote_path.rstrip("/").rpartition("/")[2]
        into = remote_is_folder and Path(job.target).is_dir()
        source = job.remote_path.rstrip("/") + "/" if remote_is_folder else job.remote_path
        ends = [f"{_host(job.found)}:{source}", _local(str(Path(job.target) / name) if into else job.target)]
    return [*RSYNC, "-e", shell, "--", *ends]


def _rsync_word(word: str) -> str:
    """A word of rsync's -e: it splits at spaces, knows quotes, and doubles a quote inside quotes."""
    return "'" + word.replace("'", "''") + "'"


def _local(path: str) -> str:
    """A path here, which no program may take for an option or for a host."""
    return path if path.startswith("/") else f"./{path}"


def _host(found: ConnectionView) -> str:
    return f"[{found.host}]" if ":" in found.host else found.host


def _scp_argv(job: Copy) -> list[str]:
    there = f"{_host(job.found)}:{job.remote_path}"
    ends = [_local(job.source), there] if job.is_upload else [there, _local(job.target)]
    return ["scp", *login.options(job.found), "-r", "-p", "--", *ends]


def _sftp_line(job: Copy, is_begun: bool) -> str:
    """One order of sftp's batch language that goes on where a copy was cut off; where nothing is there, it begins."""
    source, target = job.source, job.target
    if job.is_upload:
        return f"{'reput' if is_begun else 'put'} -p {_sftp_word(source)} {_sftp_word(job.remote_path)}\n"
    here = Path(target) / Path(job.remote_path).name if Path(target).is_dir() else Path(target)
    order = "reget" if here.exists() else "get"
    return f"{order} -p {_sftp_word(job.remote_path)} {_sftp_word(str(here))}\n"


def _sftp_word(path: str) -> str:
    if "\n" in path:
        raise UsageError("a name with a line break cannot be resumed", "leave --resume out")
    # Between quotes sftp takes a pattern's signs for themselves, unless they are escaped.
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _run(app: App, job: Copy, argv: list[str], *, rsync: bool = False, batch: str = "") -> None:
    """Run the program to its end; rsync's progress becomes a bar, scp draws its own, both for people only."""
    shows = app.is_terminal(sys.stderr) and not app.as_json
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if batch else subprocess.DEVNULL,
            stdout=subprocess.PIPE if rsync or not shows else sys.stderr,
            stderr=subprocess.PIPE,
            env=login.environment(),
        )
    except FileNotFoundError as error:
        raise login.missing(argv[0]) from error
    with process:
        assert process.stderr
        said = LastWords(process.stderr)
        if batch and process.stdin:
            process.stdin.write(batch.encode())
            process.stdin.close()
        if process.stdout:
            _watch(process.stdout, shows and rsync)
        status = process.wait()
    if status:
        reason = (said.lines() or [f"status {status}"])[0]  # what follows the first are consequences
        again = "run it again; it goes on from what is still there"
        raise ShopperError(f"the copy failed: {reason}", again, code="copy_failed")


def _watch(stream: IO[bytes], shows: bool) -> None:
    """Read a program's progress to its end, and draw it."""
    if not shows:
        while stream.read(65536):
            pass
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("copying", total=100)
        for percent, speed in _percents(stream):
            bar.update(task, completed=percent, description=f"copying {speed}")


def _percents(stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    rest = b""
    while piece := stream.read1(4096):  # type: ignore[attr-defined]
        rest = (rest + piece)[-8192:]
        found = _PERCENT.findall(rest)
        if found:
            percent, speed = found[-1]
            rest = b""
            yield min(int(percent), 100), speed.decode("ascii", "replace")
