"""The environment of our scripts on an instance: nothing that its user set can break them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gpushopper.core.model.shell_environment import CLEAN, SYSTEM_PATH, name_problem, over_ssh, value_problem
from tests.needs import find, needs, require

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}

HOSTILE = {
    "PATH": "/opt/conda/bin", "LD_LIBRARY_PATH": "/opt/conda/lib", "IFS": "/", "ENV": "/nowhere", "CDPATH": "/tmp",
    "BASH_ENV": "/nowhere", "POSIXLY_CORRECT": "1", "TZ": "Nowhere/Else", "LANG": "tr_TR.UTF-8", "LC_ALL": "xx_YY",
    "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "CURL_HOME": "/nowhere", "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks5://127.0.0.1:9", "SHELLOPTS": "errexit:nounset:noglob",
    "TMPDIR": "/nowhere", "GREP_OPTIONS": "--color=always", "TAR_OPTIONS": "-v", "GZIP": "-l", "UID": "1000",
    "GLOBIGNORE": "*", "SEVERAL": "lines\nD=x\nLD_PRELOAD=y", "d": "x", "command": "x", "s": "x", "n": "x", "v": "x",
}  # fmt: skip
"""Variables that an image or `-e` may set, each of which broke a script of ours or could."""


@pytest.mark.parametrize("shell", [pytest.param(shell, marks=needs(shell)) for shell in SHELLS])
def test_a_script_of_ours_sees_none_of_the_users_variables(shell: str, tmp_path: Path):
    script = CLEAN + "env; printf 'a b' | { read -r x y; echo \"$y\"; }; case $- in *[efu]*) echo flags ;; esac\n"
    done = subprocess.run(
        [*SHELLS[shell], "-s"], input=script, env={**HOSTILE, "HOME": str(tmp_path)}, executable=find(shell),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    *lines, last = done.stdout.splitlines()
    seen = dict(line.partition("=")[::2] for line in lines)
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_", "UID", "SHELLOPTS"}
    assert last == "b"
    assert set(seen) - of_the_shell <= {"PATH", "HOME", "LC_ALL"}
    assert (seen["PATH"], seen["HOME"]) == (f"{SYSTEM_PATH}:/opt/conda/bin", str(tmp_path))
    # What bash says of a locale when it starts, nobody can prevent.
    assert (done.returncode, [line for line in done.stderr.splitlines() if "setlocale" not in line]) == (0, [])


@pytest.mark.parametrize("home", [{}, {"HOME": "/nowhere"}], ids=["none", "nowhere"])
def test_a_home_that_is_not_there_is_the_one_of_the_users_entry(home: dict[str, str]):
    done = subprocess.run(
        ["/bin/sh", "-s"], input=f"{CLEAN}echo $HOME\n", env=home, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert Path(done.stdout.strip()).is_dir() and done.stdout != "/nowhere\n"


@pytest.mark.parametrize("shell", ["dash", "bash", "zsh", "fish", "busybox"])
def test_any_login_shell_starts_it(shell: str):
    require(shell)
    program = find(shell)
    assert program
    words = [program, "sh", "-c"] if shell == "busybox" else [program, "-c"]
    text = over_ssh("printf '%s|' \"it's\" 'a\\nb' '\"'; cat")
    done = subprocess.run(
        [*words, text], input="stdin", env={**HOSTILE, "SHELLOPTS": ""}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.stdout == "it's|a\\nb|\"|stdin"


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A\n", "é", "A;id", "GS_LABEL", "A=B", "A\0"])
def test_what_is_no_name_is_said(name: str):
    assert name_problem(name)


@pytest.mark.parametrize("name", ["A", "_", "a1_B", "PATH"])
def test_a_name_is_a_name(name: str):
    assert not name_problem(name)


@pytest.mark.parametrize(
    ("value", "said"),
    [("a\nb", "line break"), ("a\r\nb", "line break"), ("\r", "line break"), ("a\0b", "NUL"), ("\udcff", "UTF-8")],
)
def test_what_no_cloud_carries_is_said(value: str, said: str):
    assert said in value_problem("A", value) and "A" in value_problem("A", value)


@pytest.mark.parametrize("value", ["", "a b", "it's $HOME `id` \\", "é 漢", "\t", "x" * 10_000])
def test_any_other_value_is_carried(value: str):
    assert not value_problem("A", value)
