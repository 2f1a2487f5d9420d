"""`completion`: print the script of a shell, or install it where that shell finds it; nothing else is changed."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Group
from gpushopper.cli.output import tables
from gpushopper.errors import UsageError
from gpushopper.private_files import private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Callable

SHELLS = ("bash", "zsh", "fish")
MARK = "# completion of gpu-shopper"
"""Ends the line that is added to a shell's start file, so that it is found again."""


@click.group(cls=Group)
def completion() -> None:
    """Complete commands, options and names with TAB in bash, zsh and fish.

    TAB is quick: names of sessions, offers, consumers and budgets come from a file that the daemon keeps. For a path
    after NAME: and for a run it asks that instance over ssh.
    """


def script_of(shell: str) -> str:
    """The script of a shell."""
    from gpushopper.cli.commands.completion import fish_script, posix_script
    from gpushopper.cli.commands.completion.command_tree import tree

    make = {"bash": posix_script.bash, "zsh": posix_script.zsh, "fish": fish_script.fish}[shell]
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group), "the root command is a group"
    return make(tree(root))


def _printer(shell: str) -> Callable[[App], None]:
    def print_script(app: App) -> None:
        text = script_of(shell)
        tables.answer(app, text.rstrip("\n"), shell=shell, script=text)

    print_script.__doc__ = f"Print the script for {shell}."
    return print_script


for _shell in SHELLS:
    completion.command(_shell)(click.pass_obj(_printer(_shell)))

SHELL = click.argument("shell", type=click.Choice(SHELLS), required=False)


@completion.command("install")
@SHELL
@click.pass_obj
def install(app: App, shell: str | None) -> None:
    """Write the script, and let your shell read it at its start; without SHELL, for the one that $SHELL names.

    For bash and zsh one line is added at the end of ~/.bashrc or ~/.zshrc. A second time, only the script is renewed.
    """
    wanted = _shell_of(shell)
    script = _script_path(app, wanted)
    private_folder(script.parent) if wanted != "fish" else script.parent.mkdir(parents=True, exist_ok=True)
    write_private(script, script_of(wanted))
    start_file = _start_file(wanted)
    added = start_file is not None and _add_line(start_file, script)
    _report(app, wanted, script, start_file if added else None, "is written")


@completion.command("uninstall")
@SHELL
@click.pass_obj
def uninstall(app: App, shell: str | None) -> None:
    """Remove the script and the line again."""
    wanted = _shell_of(shell)
    script = _script_path(app, wanted)
    was_there = script.exists()
    script.unlink(missing_ok=True)
    start_file = _start_file(wanted)
    removed = start_file is not None and _remove_line(start_file)
    _report(app, wanted, script if was_there else None, start_file if removed else None, "is removed")


def _shell_of(given: str | None) -> str:
    found = given or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        raise UsageError("which shell? $SHELL names none of bash, zsh, fish", "gpu-shopper completion install bash")
    return found


def _script_path(app: App, shell: str) -> Path:
    if shell == "fish":
        configured = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(configured) / "fish" / "completions" / "gpu-shopper.fish"
    return app.home.data / "completions" / f"gpu-shopper.{shell}"


def _start_file(shell: str) -> Path | None:
    """The file that the shell reads at its start; fish finds the script by itself."""
    if shell == "zsh":
        return Path(os.environ.get("ZDOTDIR") or Path.home()) / ".zshrc"
    return Path.home() / ".bashrc" if shell == "bash" else None


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return path.read_text("utf-8", "surrogateescape").splitlines(keepends=True)


def _add_line(path: Path, script: Path) -> bool:
    """Append the line that reads the script, unless it is there; a line for another place is replaced."""
    line = f"[ ! -r {shlex.quote(str(script))} ] || . {shlex.quote(str(script))}  {MARK}\n"
    lines = _lines(path)
    if line in lines:
        return False
    _remove_line(path)
    lines = _lines(path)
    gap = "\n" if lines and not lines[-1].endswith("\n") else ""
    path.parent.mkdir(parents=True, exist_ok=True)  # ZDOTDIR may name a folder that is made later
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{gap}{line}")
    return True


def _remove_line(path: Path) -> bool:
    """Remove our line; the file keeps its mode and, where it is a link, stays one."""
    lines = _lines(path)
    kept = [line for line in lines if not line.rstrip().endswith(MARK)]
    if kept == lines:
        return False
    real = path.resolve()
    file, temporary = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}-")
    with open(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write("".join(kept))
    shutil.copymode(real, temporary)
    os.replace(temporary, real)
    return True


def _report(app: App, shell: str, script: Path | None, start_file: Path | None, done: str) -> None:
    if app.as_json:
        paths = {"script": script and str(script), "start_file": start_file and str(start_file)}
        tables.document(app, shell=shell, **paths)
        return
    if script is None and start_file is None:
        app.note("There was nothing to do.")
        return
    if script is not None:
        app.note(f"{script} {done}.")
    if start_file is not None:
        app.note(f"{start_file}: one line {'added' if done == 'is written' else 'removed'}.")
    if done == "is written":
        app.note(f"It works in a new {shell}, or after: exec {shell}")
