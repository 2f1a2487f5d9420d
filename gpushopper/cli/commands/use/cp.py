"""`cp`: copy files to a session's instance and back; the instance needs only a shell and tar."""

from __future__ import annotations

from functools import partial

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy.copying import Copy, CopyOptions, CopyResult
from gpushopper.cli.remote.copy.path_arguments import parse_arguments, to_text
from gpushopper.cli.remote.sent_record import record_files
from gpushopper.errors import UsageError


@click.command("cp", cls=Command, takes_bytes=True)
@click.argument("words", metavar="SRC... DST", nargs=-1, required=True)
@click.option("--mkdir", is_flag=True, help="Make the target folder if it does not exist.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches, by name or by path.")
@click.option("-v", "--verbose", is_flag=True, help="Print which program transferred the files.")
@click.option("-r", "-R", "--recursive", is_flag=True, hidden=True, expose_value=False, help="Always so.")
@click.option("--resume", is_flag=True, hidden=True, expose_value=False, help="A cut-off copy is always resumed.")
@click.pass_obj
def cp(app: App, words: tuple[str, ...], mkdir: bool, exclude: tuple[str, ...], verbose: bool) -> None:
    """Copy files and folders to or from a session's instance.

    One side is NAME:PATH, where a relative path starts in the home folder there. As with cp, a target that is a folder
    takes the sources into it, several sources need a folder, and - is standard input or output. As with rsync, SRC/
    means the contents of the folder. Repeating the same command resumes a copy that was cut off.

    Links inside a folder stay links; links that point out of it are left out and listed. PATTERN is a shell pattern
    for names inside a folder, or for their paths relative to it: *.tmp, data/raw, /data.
    """
    paths = parse_arguments(words)
    if "" in exclude:
        raise UsageError("the pattern of --exclude is empty (an unset variable?)", "for instance: --exclude '*.tmp'")
    found = ssh_connection.find(app, paths.session)
    options = CopyOptions(tuple(map(ssh_connection.to_bytes, exclude)), mkdir, verbose)
    result = Copy(app, found, paths, options, partial(record_files, app, found, "cp")).perform()
    if not paths.target.is_stream:
        _report(app, words, result)


def _report(app: App, words: tuple[str, ...], result: CopyResult) -> None:
    *sources, target = words
    by = sorted(set(result.by))
    if app.as_json:
        left_out = [to_text(path) for path in result.left_out]
        tables.document(app,
            copied=" ".join(sources), to=target, by=", ".join(by), sources=sources, files=result.files,
            bytes=result.moved, left_out=left_out,
        )  # fmt: skip
        return
    what = sources[0] if len(sources) == 1 else f"{len(sources)} sources"
    app.note(f"copied {what} to {target}")
