"""Completion: the scripts say what the commands say, run in real shells, and are installed without harm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click
import pytest

from gpushopper.cli import root
from gpushopper.cli.commands.completion import fish_script, posix_script
from gpushopper.cli.commands.completion.command_tree import tree
from tests.cli.in_process import Inside
from tests.needs import find, needs

SCRIPTS = Path(__file__).parents[2] / "completions"
NAMES = (
    "open\ttrain\nopen\ttrial-2\nended\told\nconsumer\talice\nbudget\tlab\nchannel\tdesk\n"
    "tag\tpaper=neurips\ntag_key\tpaper\naccount\tvast-lab\n"
)
MAKERS = {"bash": posix_script.bash, "zsh": posix_script.zsh, "fish": fish_script.fish}

BASH = """
. {script}
COMP_WORDS=(gpu-shopper {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1))
compopt() {{ :; }}
_gpu_shopper
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "source {script}; complete -C 'gpu-shopper {words}'"
CASES = {
    "ss": "ssh ssh-config",
    "ssh ": "train trial-2",
    "ssh tri": "trial-2",
    "get ": "train trial-2 old",
    "wait --for p": "proven",
    "wait train tri": "trial-2",
    "ls -c ": "alice",
    "budget show ": "lab",
    "provision --tag pa": "paper=neurips",
    "set train --untag ": "paper",
    "inventory --region E": "EU EC EE EG ES",
    "inventory --location SE": "SE",
    "inventory --sort v": "value vram",
    "inventory --group-by ": "gpu cloud region",
    "inventory --provider va": "vast vast-lab",
    "notify rm ": "desk",
    "keys set ": "vast tensordock vast-lab",
    "provision --gpu 409": "4090",
    "--sandbox ssh ": "pretend",
    "config set policy.": "policy.name",
    "help exit": "exit-codes",
    "provision --max-p": "--max-price",
    "sandbox fault add vast cre": "create",
}
"""What is typed, and what TAB offers."""


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds no program at all: nothing may be started by TAB."""
    (tmp_path / "names").write_text(NAMES)
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "names").write_text("open\tpretend\n")
    return {"GPU_SHOPPER_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/nonexistent", "LANG": "C.UTF-8"}


@pytest.mark.parametrize("name", MAKERS)
def test_the_scripts_in_the_repository_are_those_of_the_commands(name: str):
    """`make completions` writes them anew."""
    assert (SCRIPTS / f"gpu-shopper.{name}").read_text() == MAKERS[name](tree(root))


def test_every_command_and_option_that_help_shows_is_completed():
    known = {each.path: each for each in tree(root)}
    for path, each in known.items():
        command: click.Command = root
        ctx = click.Context(root)
        for word in path.split():
            assert isinstance(command, click.Group)
            found = command.get_command(ctx, word)
            assert found is not None
            command = found
        shown = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
        assert shown <= {*each.options} | ({"--help", *shown} if path == "" else set()), path
    assert {"ssh", "keys set", "sandbox fault add", "completion install"} <= set(known)


@needs("bash")
@pytest.mark.parametrize("typed", CASES)
def test_bash_offers_names_and_words_without_starting_a_program(typed: str, named: dict[str, str]):
    words = f"{typed}''" if typed.endswith(" ") else typed
    text = BASH.format(script=SCRIPTS / "gpu-shopper.bash", words=words)
    done = subprocess.run(
        [str(find("bash")), "-c", text], env=named, capture_output=True, text=True, timeout=30, check=True
    )
    assert sorted(done.stdout.split()) == sorted(CASES[typed].split()), done.stderr
    assert "not found" not in done.stderr


@needs("bash")
def test_bash_runs_nothing_that_a_name_says(tmp_path: Path, named: dict[str, str]):
    """A tag may be called after a branch, and that may be called anything (F103)."""
    (tmp_path / "names").write_text("tag\tbranch=$(>$HOME/made)\ntag\tbranch=`>$HOME/made`\ntag\tbranch=*\n")
    text = BASH.format(script=SCRIPTS / "gpu-shopper.bash", words="costs --tag bra")
    done = subprocess.run(
        [str(find("bash")), "-c", text], env=named, capture_output=True, text=True, timeout=30, check=True
    )
    assert not (tmp_path / "made").exists() and "branch=\\*" in done.stdout.split()


@needs("bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ls -c ''", ["Ada\\ Lovelace", "\\$\\(exit\\ 3\\)", "\\*"]),
        ("ls -c Ada", ["Ada\\ Lovelace"]),
        (r"ls -c 'Ada\ L'", ["Ada\\ Lovelace"]),
        ("ls -c x", [""]),
    ],
)
def test_bash_runs_nothing_that_a_name_says_and_offers_it_quoted(
    typed: str, offered: list[str], named: dict[str, str], tmp_path: Path
):
    """A consumer or tag may be any text; `compgen -W` would run what stands in `$(...)`, and split at blanks."""
    (tmp_path / "names").write_text("consumer\tAda Lovelace\nconsumer\t$(exit 3)\nconsumer\t*\n")
    text = BASH.format(script=SCRIPTS / "gpu-shopper.bash", words=typed)
    done = subprocess.run(
        [str(find("bash")), "-c", text], env=named, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == offered


@needs("fish")
@pytest.mark.parametrize("typed", [typed for typed in CASES if typed != "ss"])
def test_fish_offers_the_same(typed: str, named: dict[str, str]):
    text = FISH.format(script=SCRIPTS / "gpu-shopper.fish", words=typed)
    fish = find("fish")
    assert fish is not None
    done = subprocess.run(
        [fish, "--no-config", "-c", text], env=named, capture_output=True, text=True, timeout=30, check=True
    )
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == sorted(CASES[typed].split()), done.stderr


@pytest.mark.parametrize(("name", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
def test_it_is_installed_once_and_removed_again(
    name: str, file: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/bin/{name}")
    monkeypatch.delenv("ZDOTDIR", raising=False)
    start = tmp_path / "real" / file
    start.parent.mkdir()
    start.write_text("alias x=y  # no newline")
    start.chmod(0o640)
    (tmp_path / file).symlink_to(start)
    gs = Inside(home)
    first, again = gs("completion", "install"), gs("completion", "install")
    assert first.code == again.code == 0 and f"{file}: one line added" in first.err and file not in again.err
    assert start.read_text().count("gpu-shopper") == 3 and start.read_text().startswith("alias x=y  # no newline\n")
    assert (home / "completions" / f"gpu-shopper.{name}").read_text() == (SCRIPTS / f"gpu-shopper.{name}").read_text()
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    assert gs("completion", "install").code == 0 and (tmp_path / "new" / file).exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    gone = gs("completion", "uninstall")
    assert f"{file}: one line removed" in gone.err and start.read_text() == "alias x=y  # no newline\n"
    assert (tmp_path / file).is_symlink() and start.stat().st_mode & 0o777 == 0o640
    assert "nothing to do" in gs("completion", "uninstall").err
    assert not (home / "completions" / f"gpu-shopper.{name}").exists()


def test_fish_finds_it_by_itself_and_an_unknown_shell_is_asked_about(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    gs = Inside(home)
    assert gs("completion", "install").code == 2
    assert gs("completion", "install", "fish").code == 0
    script = tmp_path / "fish" / "completions" / "gpu-shopper.fish"
    assert script.read_text() == gs("completion", "fish").out
    assert gs("completion", "uninstall", "fish").code == 0 and not script.exists()
    assert os.environ["SHELL"] == "/bin/tcsh"
