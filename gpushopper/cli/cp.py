"""`cp`: files to a session's instance and back, by rsync where both sides have it, else by OpenSSH's own means."""

from __future__ import annotations

from typing import NamedTuple

import click

from gpushopper.cli import copying, login, programs, show
from gpushopper.cli.app import App
from gpushopper.cli.group import Command
from gpushopper.errors import UsageError


class Place(NamedTuple):
    """A path here (`session` is None), or on a session's instance."""

    session: str | None
    path: str


def parse(text: str) -> Place:
    """`NAME:PATH` is there, everything else here; `./a:b` is a file with a colon in its name."""
    name, colon, path = text.partition(":")
    if not colon or "/" in name:
        return Place(None, text)
    return Place(name, path or ".")


@click.command("cp", cls=Command)
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option("--resume", is_flag=True, help="Go on with a file of a copy that was cut off.")
@click.pass_obj
def cp(app: App, source: str, target: str, resume: bool) -> None:
    """Copy files to or from a session's instance; folders go whole.

    One side is NAME:PATH, where a plain path begins in the home folder there. As with cp, a target that is a folder
    takes the source into it. Without rsync, --resume trusts what is there to be the beginning of the source.
    """
    here, there = parse(source), parse(target)
    if (here.session is None) == (there.session is None):
        raise UsageError("one of SRC and DST is NAME:PATH", "for instance: gpu-shopper cp data.tar train:/data/")
    is_upload = there.session is not None
    session = there.session if is_upload else here.session
    found = login.find(app, session)
    job = copying.Copy(found, here.path, there.path, is_upload, resume)
    app.goes_on = "what has been copied is kept; the same command goes on from there"
    done = copying.perform(app, job)
    app.goes_on = ""
    if app.as_json:
        show.out(programs.document(copied=source, to=target, by=done))
    else:
        app.note(f"copied {source} to {target}{_by(done)}")


def _by(program: str) -> str:
    return "" if program == "rsync" else f" (by {program}: no rsync on both sides)"
