"""`pull`: copy a folder of results home, verified, into a new folder here."""

from __future__ import annotations

from pathlib import Path

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import session_argument
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.options import PULL_MAX
from gpushopper.cli.output import tables
from gpushopper.cli.output.text_format import plural
from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy.progress_bar import ProgressBar
from gpushopper.cli.remote.copy.ssh_process import interruptible
from gpushopper.core.model.shell_environment import PULL_SHELL
from gpushopper.errors import ShopperError, UsageError
from gpushopper.results.link import Link
from gpushopper.results.pulling import Progress, Pull, Pulled, PullRequest

NAMED = 5
"""How many files a note names."""


@click.command("pull", cls=Command)
@click.argument("name")
@click.argument("folder", metavar="[DIR]", required=False)
@click.argument("local", metavar="[LOCAL]", required=False, type=click.Path())
@PULL_MAX
@click.pass_obj
def pull(app: App, name: str, folder: str | None, local: str | None, pull_max: int) -> None:
    """Copy the folder DIR of a session into a new folder under LOCAL.

    LOCAL is the current folder unless it is given; a relative DIR starts in the home folder there. Nothing here is
    replaced, every file is verified by its checksum, and repeating a pull that was cut off goes on where it was, also
    within a large file. Without DIR, what provision --pull has named is copied.

    A session that waits for its results before it ends waits no longer once all of them were pulled so.

    Links that lead out of DIR and special files are left out. A file that changes all the time is copied three times,
    and then named.
    """
    found = ssh_connection.find(app, name)
    wanted = [(folder, local or ".")] if folder else _named(app, name)
    ssh = tuple(ssh_connection.ssh_argv(found, (PULL_SHELL,), flags=("-T",))[:-1])
    app.interrupt_hint = "what has arrived is kept; the same command goes on from there"
    began_at, results = app.now().wall, []
    for there, here in wanted:
        request = PullRequest(found.session, found.name, there, str(Path(here).expanduser().absolute()), pull_max)
        results.append(_pull(app, Link(ssh, ssh_connection.environment()), request))
    app.interrupt_hint = ""
    _tell(app, found.session, began_at, [there for there, _ in wanted], results)
    if app.output not in ("table", "wide"):  # what was copied is told on stderr
        rows = [{"from": there, **_row(done)} for (there, _), done in zip(wanted, results, strict=True)]
        tables.rows(app, "pulled", rows, (), name="to")


def _named(app: App, name: str) -> list[tuple[str, str]]:
    session = session_argument.to_act_on(app, name)
    if not session.pulls:
        hint = f"for instance: gpu-shopper pull {session.name} out"
        raise UsageError(f"{session.name} was rented without --pull: name a folder there", hint)
    return [(pair.there, pair.here) for pair in session.pulls]


def _pull(app: App, link: Link, request: PullRequest) -> Pulled:
    with interruptible(), ProgressBar(app, None) as bar:
        done = Pull(link, request, lambda progress: _show(bar, progress)).perform()
    if not app.as_json:
        for line in _lines(request, done):
            app.note(line)
    return done


def _tell(app: App, session_id: str, began_at: int, theirs: list[str], results: list[Pulled]) -> None:
    """Where the session waits for its results before it ends, and these are all of them, nobody pulls them again."""
    from gpushopper.wire import LandedRequest

    if any(done.files and not done.checksum for done in results):
        return  # not verified
    request = LandedRequest(
        began_at, theirs, [done.folder for done in results],
        files=sum(done.files for done in results), bytes=sum(done.bytes for done in results),
        changed=[name for done in results for name in done.changed],
        left_out=[name for done in results for name in done.left_out],
    )  # fmt: skip
    try:
        answer = app.client.landed(session_id, request)
    except ShopperError as error:
        app.note(f"the daemon could not be told, and may pull it once more: {error.message}")
        return
    if answer.counts:
        app.note(f"{answer.session.name} waited for this before its end: it is not pulled once more, and may end now")


def _show(bar: ProgressBar, progress: Progress) -> None:
    bar.show(f"{progress.files}/{progress.total_files} files", progress.bytes, progress.total_bytes)


def _lines(request: PullRequest, done: Pulled) -> list[str]:
    by = f"verified by {done.checksum}" if done.checksum else "sizes alone compared: no checksum program there"
    lines = [f"pulled {plural(done.files, 'file')} of {request.folder} into {done.folder} ({by})"]
    for what, names in (("changed all the time", done.changed), ("left out", done.left_out)):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines += [f"{what}: {', '.join(names[:NAMED])}{more}"] if names else []
    return lines


def _row(done: Pulled) -> dict[str, object]:
    return {
        "to": done.folder, "files": done.files, "bytes": done.bytes, "checksum": done.checksum,
        "changed": done.changed, "left_out": done.left_out,
    }  # fmt: skip
