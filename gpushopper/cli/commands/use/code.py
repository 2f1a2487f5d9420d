"""`code`: open VS Code here on a folder of a session's instance, by the managed ssh config."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.remote import ssh_connection, ssh_host_alias
from gpushopper.errors import Misconfigured, NotFound

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

_NO_FOLDER = 3
_FOLDER = """
f={folder}
case $f in '~') f=$HOME ;; '~/'*) f=$HOME/${{f#??}} ;; esac
cd "$HOME" && cd -- "${{f:-.}}" 2>/dev/null || exit {no_folder}
printf '%s\\n' "$PWD"
"""


@click.command("code", cls=Command)
@click.argument("name", required=False)
@click.argument("folder", required=False, default="")
@click.option("--editor", default="code", metavar="PROGRAM", help="VS Code under another name (default code).")
@click.option("--print", "only_print", is_flag=True, help="Print the command line, and do not run it.")
@click.pass_obj
def code(app: App, name: str | None, folder: str, editor: str, only_print: bool) -> None:
    """Open VS Code here on a folder of a session's instance.

    FOLDER is relative to the home folder there, which is the default. VS Code needs its extension Remote - SSH, and one
    line in your ~/.ssh/config; on a terminal you are asked before that line is added.
    """
    found = ssh_connection.find(app, name)
    alias = ssh_host_alias.alias_of(app, found)
    argv = [editor, "--remote", f"ssh-remote+{alias}", _whole_path(found, folder)]
    answer = {"session": found.name, "host": alias, "folder": argv[-1], "argv": argv}
    if not only_print:
        ssh_host_alias.make_known(app)
        if shutil.which(editor) is None:
            tables.answer(app, shlex.join(argv), **answer)
            hint = "install VS Code with its extension Remote - SSH, then run the printed command"
            raise Misconfigured(f"there is no {editor} on this computer", hint, code="no_editor")
        _open(app, found, argv)
    if app.as_json:
        tables.document(app, **answer)
    elif only_print:
        tables.out(shlex.join(argv))


def _whole_path(found: ConnectionView, folder: str) -> str:
    """The folder's whole path there.

    Raises:
        NotFound: there is no such folder.
    """
    script = _FOLDER.format(folder=shlex.quote(folder), no_folder=_NO_FOLDER)
    result = ssh_connection.run_script(found, script)
    if result.status == _NO_FOLDER:
        hint = f"make it: gpu-shopper ssh {found.name} -- mkdir -p {shlex.quote(folder)}"
        raise NotFound(f"{found.name} has no folder {folder}", hint, code="no_folder")
    if result.status:
        raise ssh_connection.script_error(found, result, "the folder cannot be read")
    return result.out.splitlines()[-1]


def _open(app: App, found: ConnectionView, argv: list[str]) -> None:
    """Start the editor, which returns at once.

    Raises:
        Misconfigured: it does not start.
    """
    app.note(f"opening {found.name}:{argv[-1]} in {argv[0]}")
    status = subprocess.run(argv, check=False).returncode
    if status:
        hint = "is its extension Remote - SSH installed?"
        raise Misconfigured(f"{argv[0]} ended with status {status}", hint, code="editor_failed")
