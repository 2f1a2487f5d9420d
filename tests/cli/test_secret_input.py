"""A mistyped command never prints a secret back: what stands on the command line may be one (F103)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from gpushopper.cli import main

SECRET = "S3CRET0123456789abcdef"
KEY_ARGUMENT = "do not give the key on the command line"

SAID = [
    (f"keys set vast {SECRET}", KEY_ARGUMENT, "run: gpu-shopper keys set vast"),
    (f"keys set vast {SECRET} --file", KEY_ARGUMENT, "run: gpu-shopper keys set vast --file"),
    (f"keys set --file vast {SECRET}", KEY_ARGUMENT, "run: gpu-shopper keys set vast --file"),
    (f"keys set ghcr.io alice {SECRET}", KEY_ARGUMENT, "run: gpu-shopper keys set ghcr.io --user NAME"),
    (f"keys set ghcr.io --user alice {SECRET}", KEY_ARGUMENT, "run: gpu-shopper keys set ghcr.io --user alice"),
    (f"keys set ghcr.io --user alice:{SECRET}", "a user name has no colon", "keys set ghcr.io --user NAME"),
    (f"keys set {SECRET} vast", KEY_ARGUMENT, "run: gpu-shopper keys set CLOUD"),
    (f"keys set {SECRET}", "not the name of a cloud or registry", "gpu-shopper keys set vast"),
    (f"keys set eyJh.{SECRET}.x", "REGISTRY is a registry: whose login", "keys set REGISTRY --user NAME"),
    (f"keys set https://alice:{SECRET}@ghcr.io --user a", "no key on stdin", "keys set REGISTRY --user a"),
    (f"keys test https://alice:{SECRET}@ghcr.io", "what was given is no registry", "host or host:port"),
    (f"keys remove alice:{SECRET}@ghcr.io", "what was given is no registry", "host or host:port"),
    (f"keys test {SECRET}", "not the name of a cloud or registry", "keys test vast"),
    (f"keys remove {SECRET}", "not the name of a cloud or registry", "keys remove vast"),
    (f"keys test vast {SECRET}", "1 argument too many", "keys test --help"),
    (f"keys list {SECRET}", "1 argument too many", "keys list --help"),
    (f"keys {SECRET}", "no such verb: keys has list, remove, set, test", "keys --help"),
    (f"keys vast {SECRET}", "no such verb: keys has list, remove, set, test", "keys --help"),
    (f"keys set vast --key={SECRET}", "no such option", "keys set --help"),
    (f"keys set vast --file={SECRET}", "does not take a value", "--help"),
    (f"keys set vast --{SECRET}", "no such option", "keys set --help"),
    (f"keys --{SECRET} vast", "no such option", "keys list --help"),
    (f"--{SECRET} ls", "no such option", "--help"),
    (f"keys set vast -k{SECRET}", "no such option", "keys set --help"),
    (f"--api-key={SECRET} ls", "no such option", "--help"),
    (SECRET, "no such command", "--help"),
    (f"ls {SECRET}", "1 argument too many", "ls --help"),
    (f"status {SECRET} {SECRET}", "2 arguments too many", "status --help"),
    (f"provision TOKEN={SECRET}", "1 argument too many", "provision --help"),
    (f"provision -e {SECRET}", "--env number 1 has no value", "--env NAME=VALUE"),
    (f"provision -e A=1 --env {SECRET}", "--env number 2 has no value", "--env NAME=VALUE"),
    (f"provision -e {SECRET}-x=1", "--env number 1: the part before = is not a variable name", "letters"),
    (f"provision --secret-env TOKEN={SECRET}", "--secret-env takes a name only", "--secret-env NAME"),
    (f"provision --secret-env {SECRET}", "--secret-env number 1: there is no such variable here", "export NAME=..."),
    (f"run x --secret-env TOKEN={SECRET} -- true", "--secret-env takes a name only", "--secret-env NAME"),
    (f"run x -e {SECRET} -- true", "--env number 1 has no value", "--env NAME=VALUE"),
    (f"run x {SECRET} -- true", "too many", "put -- before"),
    (f"sandbox {SECRET}", "no such verb", "sandbox --help"),
    (f"config {SECRET}", "no such verb", "config --help"),
    (f"daemon start {SECRET}", "1 argument too many", "daemon start --help"),
]


@pytest.mark.parametrize(("line", "says", "hint"), SAID, ids=[line.replace(SECRET, "X") for line, _, _ in SAID])
def test_a_usage_error_says_what_is_wrong_without_the_words_typed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, says: str, hint: str
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code = main(line.split())
    out, err = capsys.readouterr()
    assert code in (2, 125)
    assert SECRET not in out + err
    first, second = err.splitlines()
    assert says in first and hint in second
    assert not home.exists(), "nothing was started"


@pytest.mark.parametrize("line", [f"keys set vast {SECRET} --json", f"ls {SECRET} --json"])
def test_json_errors_do_not_repeat_the_words_either(home: Path, capsys: pytest.CaptureFixture[str], line: str):
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert json.loads(err)["error"]["exit"] == 2


def test_a_mistyped_word_is_still_named(capsys: pytest.CaptureFixture[str]):
    assert main(["nosuch"]) == 2
    assert "no such command 'nosuch'" in capsys.readouterr().err
    assert main(["provison"]) == 2
    assert "did you mean provision?" in capsys.readouterr().err
