"""`code`: the editor's command line, by the managed ssh config, after the folder was found there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.schema_checks import schema_of, valid
from tests.cli.ssh_stage import ATTEMPT, NAME, Stage

pytestmark = pytest.mark.proofs

HOST = f"gpu-shopper-{NAME}"


@pytest.fixture
def editor(stage: Stage, tmp_path: Path) -> Path:
    """A program called `code` that writes down its arguments; and the session's host in the managed config."""
    stage.remote.write_ssh_config([(NAME, stage.login)])
    program = tmp_path / "code"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/given\n')
    program.chmod(0o755)
    return program


def path_with(editor: Path) -> str:
    return f"{editor.parent}:{os.environ['PATH']}"


def test_the_editor_is_opened_on_the_whole_path(stage: Stage, editor: Path):
    (stage.host.home / "my project").mkdir()
    assert stage("ssh-config", "install").code == 0
    done = stage("code", "train", "my project", PATH=path_with(editor))
    assert done.code == 0, done.err
    folder = stage.host.home / "my project"
    assert (editor.parent / "given").read_text().splitlines() == ["--remote", f"ssh-remote+{HOST}", str(folder)]
    for words in ((), ("~",), (".",)):
        assert stage("code", "train", *words, PATH=path_with(editor)).code == 0
        assert (editor.parent / "given").read_text().splitlines()[-1] == str(stage.host.home)
    login = ["ssh", "-F", str(Path.home() / ".ssh" / "config"), HOST, "--", "echo", "there"]
    shown = subprocess.run(login, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert shown.stdout == "there\n", "the host that the editor is given works for the user's own ssh"


def test_without_an_editor_the_exact_command_is_printed(stage: Stage, editor: Path):
    assert stage("ssh-config", "install").code == 0
    done = stage("code", "train", "--editor", "no-such-editor")
    assert done.code == 4 and "no-such-editor" in done.err and "Remote - SSH" in done.err
    assert done.out == f"no-such-editor --remote ssh-remote+{HOST} {stage.host.home}\n"
    valid(stage("code", "train", "--editor", "no-such-editor", "--json").json, schema_of("code"))


def test_the_command_can_be_printed_without_touching_anything(stage: Stage, editor: Path):
    done = stage("code", "train", "--print", "--json")
    assert done.code == 0 and done.json["host"] == HOST and done.json["argv"][0] == "code"
    valid(done.json, schema_of("code"))
    assert not (Path.home() / ".ssh").exists()


def test_what_is_missing_is_said(stage: Stage, editor: Path):
    done = stage("code", "train", PATH=path_with(editor))
    assert done.code == 4 and "gpu-shopper ssh-config install" in done.err
    done = stage("code", "train", "nowhere")
    assert done.code == 3 and "mkdir -p nowhere" in done.err
    (stage.home.ssh_keys / "config").unlink()
    assert stage("code", "train", "--print").code == 4


def test_a_session_under_its_id_is_found_by_its_attempt(stage: Stage, editor: Path):
    text = stage.home.ssh_config.read_text()
    assert f"HostKeyAlias {ATTEMPT}" in text
    stage.home.ssh_config.write_text(text.replace(HOST, "gpu-shopper-session1"))
    assert stage("code", "train", "--print", "--json").json["host"] == "gpu-shopper-session1"
