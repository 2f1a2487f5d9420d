"""Variables for an instance: what is taken, and what is refused before anything is asked for (exit 2)."""

from __future__ import annotations

import subprocess

import pytest

from gpushopper.cli.remote import runs, session_setup
from gpushopper.core.model import shell_environment
from gpushopper.core.model.shell_environment import exports
from gpushopper.errors import UsageError
from tests.needs import find, require

GIVEN = {"plain": (), "secret": (), "env_files": (), "setup": None, "onstart": None}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=x\ny", "line break"), ("A=x\r", "line break"), ("A=\udcff", "UTF-8"), ("A", "no value"),
        ("1A=x", "not a variable name"), ("A B=x", "not a variable name"), ("=x", "not a variable name"), ("A\n=x",
        "not a variable name"), ("GS_LABEL=x", "are ours"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_passed_on_is_refused(text: str, said: str):
    for read in (lambda: runs.variables((text,), (), {}), lambda: session_setup.read({**GIVEN, "plain": (text,)})):
        with pytest.raises(UsageError, match=said) as error:
            read()
        assert error.value.exit_code == 2


def test_a_secret_may_have_several_lines():
    assert runs.variables((), ("KEY",), {"KEY": "a\nb"}) == {"KEY": "a\nb"}


@pytest.mark.parametrize("shell", ["dash", "busybox", "bash", "zsh"])
def test_a_variable_reserved_by_the_shell_stops_no_other(shell: str):
    require(shell)
    program = find(shell)
    assert program
    words = {"busybox": [program, "sh"], "bash": [program, "--posix"]}.get(shell, [program])
    owned = {name: "1" for name in sorted(shell_environment._SHELL_VARIABLES)}
    script = exports({**owned, "A": "it's", "B": "a\nb"}) + 'printf "%s|%s|" "$A" "$B"; id -u'
    plain = subprocess.run(["id", "-u"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run([*words, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"it's|a\nb|{plain}", "")
