"""Completion: the scripts say what the commands say, run in real shells, and are installed without harm."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from gpushopper.cli import root
from gpushopper.cli.commands.completion import fish_script, posix_script
from gpushopper.cli.commands.completion.command_tree import tree, verbs_of
from tests.cli.in_process import Inside
from tests.needs import find, needs

SCRIPTS = Path(__file__).parents[2] / "completions"
NAMES = (
    "open\ttrain\nopen\ttrial-2\nended\told\nconsumer\talice\nbudget\tlab\nchannel\tdesk\n"
    "backup\tday-1.db\nbackup\tday-2.db\nalarm\t7\nalarm\t12\n"
    "tag\tpaper=neurips\ntag_key\tpaper\naccount\tvast-lab\n"
    "offer\tvast:123\noffer\tvast:124\nrun\tr1\told\nrun\tr2\told\nrun\tr3\tolder\n"
)
MAKERS = {"bash": posix_script.bash, "zsh": posix_script.zsh, "fish": fish_script.fish}

BASH = """
. {script}
COMP_WORDS=(gpu-shopper {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); COMP_WORDBREAKS='=:'
COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}
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
    "--host lab ssh ": "theirs",
    "--host=lab ssh ": "theirs",
    "--host local ssh ": "train trial-2",
    "--host a@lab:/x ssh ": "",
    "custody --host lab tr": "train trial-2",
    "config set policy.": "policy.name",
    "help exit": "exit-codes",
    "provision --max-p": "--max-price",
    "sandbox fault add vast cre": "create",
    "provision --tag paper=n": "paper=neurips",
    "provision --offer vast:1": "vast:123 vast:124",
    "provision --gpu=40": "--gpu=4070 --gpu=4080 --gpu=4090",
    "ls --json --sort=x --status=fa": "--status=failed",
    "run ": "ls stop train trial-2",
    "run st": "stop",
    "run stop tr": "train trial-2",
    "run ls ": "train trial-2 old",
    "logs old ": "r1 r2",
    "run stop train ": "",
    "cp trai": "train:",
    "cp train:d": "",
    "backup restore ": "newest day-1.db day-2.db",
    "backup restore day-2": "day-2.db",
    "alarms ack ": "7 12",
    "events --kind run": "run_ended run_end_allowed run_end_withdrawn",
    "notify add desk --on b": "budgets",
    "sandbox fault add vast create commit_then_h": "commit_then_hang",
    "sandbox revise 1 price": "price_factor",
}
"""What is typed, and what TAB offers."""
Offers = Callable[[str, dict[str, str]], list[str]]


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds no program at all: nothing may be started by TAB."""
    (tmp_path / "names").write_text(NAMES)
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "names").write_text("open\tpretend\n")
    (tmp_path / "hosts" / "lab").mkdir(parents=True)
    (tmp_path / "hosts" / "lab" / "names").write_text("open\ttheirs\n")
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
            command = verbs_of(command, ctx)[word]
        shown = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
        assert shown <= {*each.options} | ({"--help", *shown} if path == "" else set()), path
    assert {"ssh", "run stop", "keys set", "sandbox fault add", "completion install"} <= set(known)


def bash_offers(typed: str, variables: dict[str, str]) -> list[str]:
    """What bash would replace the end of the line by, with the words that it makes of it."""
    words = [*re.findall(r"[=:]+|(?:\\.|[^\s=:\\])+", typed), *([""] if typed.endswith(" ") else [])]
    line = shlex.quote(f"gpu-shopper {typed}")
    text = BASH.format(script=SCRIPTS / "gpu-shopper.bash", words=shlex.join(words), line=line)
    done = subprocess.run(
        [str(find("bash")), "-c", text], env=variables, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def fish_offers(typed: str, variables: dict[str, str]) -> list[str]:
    text = FISH.format(script=SCRIPTS / "gpu-shopper.fish", words=typed)
    done = subprocess.run(
        [str(find("fish")), "--no-config", "-c", text], env=variables, capture_output=True, text=True, timeout=30,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@needs("bash")
@pytest.mark.parametrize("typed", CASES)
def test_bash_offers_names_and_words_without_starting_a_program(typed: str, named: dict[str, str]):
    """Of a word that bash has split at `=` or `:`, only the last part is replaced."""
    split = re.search(r"\S*[=:](?=\S*$)", typed)
    expected = [word.removeprefix(split[0] if split else "") for word in CASES[typed].split()]
    assert sorted(filter(None, bash_offers(typed, named))) == sorted(expected)


@needs("bash")
def test_bash_runs_nothing_that_a_name_says(tmp_path: Path, named: dict[str, str]):
    """A tag may be called after a branch, and that may be called anything (F103)."""
    (tmp_path / "names").write_text("tag\tbranch=$(>$HOME/made)\ntag\tbranch=`>$HOME/made`\ntag\tbranch=*\n")
    assert "branch=\\*" in bash_offers("costs --tag bra", named) and not (tmp_path / "made").exists()


@needs("bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ls -c ", ["Ada\\ Lovelace", "\\$\\(exit\\ 3\\)", "\\*"]),
        ("ls -c Ada", ["Ada\\ Lovelace"]),
        ("ls -c Ada\\ L", ["Ada\\ Lovelace"]),
        ("ls -c x", [""]),
    ],
)
def test_bash_runs_nothing_that_a_name_says_and_offers_it_quoted(
    typed: str, offered: list[str], named: dict[str, str], tmp_path: Path
):
    """A consumer or tag may be any text; `compgen -W` would run what stands in `$(...)`, and split at blanks."""
    (tmp_path / "names").write_text("consumer\tAda Lovelace\nconsumer\t$(exit 3)\nconsumer\t*\n")
    assert bash_offers(typed, named) == offered


SSH = """#!/bin/sh
printf '%s\\n' "$@" >>"$HOME/asked"
case "$*" in
  *.gpu-shopper/runs*) printf 'aa11\\nbb22\\n' ;;
  *) printf 'data/\\ndata.csv\\nd$(>$HOME/made)\\nd\\033[31m\\nd 1\\n' ;;
esac
"""


@pytest.fixture
def there(named: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a shell whose ssh is told what an instance would say."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    (programs / "head").symlink_to(str(find("head")))
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh" / "config").write_text("# ours\nHost gpu-shopper-train\n  HostName 192.0.2.1\n")
    return {**named, "PATH": str(programs)}


@pytest.mark.parametrize(
    "offers", [pytest.param(bash_offers, marks=needs("bash")), pytest.param(fish_offers, marks=needs("fish"))]
)
def test_an_instance_is_asked_for_its_paths_and_runs(offers: Offers, there: dict[str, str], tmp_path: Path):
    """Of its host a path may have any name; nothing of it is run, and nothing goes to the terminal as it is."""
    found = offers("cp train:d", there)
    assert {word.rpartition(":")[2] for word in found} >= {"data/", "data.csv"} and len(found) == 4
    assert not any("\x1b" in word for word in found) and not (tmp_path / "made").exists()
    asked = (tmp_path / "asked").read_text()
    assert "gpu-shopper-train\nls -1dp -- d* " in asked and "BatchMode=yes" in asked
    assert sorted(offers("run stop train ", there)) == ["aa11", "bb22"]


@pytest.mark.parametrize(
    "offers", [pytest.param(bash_offers, marks=needs("bash")), pytest.param(fish_offers, marks=needs("fish"))]
)
@pytest.mark.parametrize("typed", ["cp other:d", r"cp train:d\;x", r"cp train:d\$x", "run stop other "])
def test_no_host_is_asked_that_the_daemon_has_not_listed_and_nothing_but_a_plain_path(
    offers: Offers, typed: str, there: dict[str, str], tmp_path: Path
):
    assert "".join(offers(typed, there)) == "" and not (tmp_path / "asked").exists()


@needs("fish")
@pytest.mark.parametrize("typed", [typed for typed in CASES if typed != "ss"])
def test_fish_offers_the_same(typed: str, named: dict[str, str]):
    assert sorted(fish_offers(typed, named)) == sorted(CASES[typed].split())


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
