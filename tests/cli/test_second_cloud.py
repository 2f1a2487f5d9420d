"""Commands about a cloud with two credential parts: asked for one after the other, silent while it has no key."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from gpushopper import clouds
from gpushopper.secrets import read_key_file
from tests import toy_cloud
from tests.cli.bad_days import Row, assert_says
from tests.cli.conftest import Shell
from tests.toy_cloud import ID, TOKEN

ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "gpushopper.cli", *sys.argv[1:]])
"""
NO_VAST = "[providers.vast]\nenabled = false\n[providers.tensordock]\nenabled = false\n[keys]\nkeyring = false\n"


@pytest.fixture
def toy(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package is installed for child processes; Vast is switched off, so that nothing is asked of it."""
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(NO_VAST)
    site = toy_cloud.install(home.parent / "site")
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.getcwd()}")
    return home


def type_in(answers: dict[str, str], *words: str) -> str:
    """Run a command on a terminal of its own, give each answer once its prompt is there; all that was shown."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ON_TERMINAL, *words], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, waiting = "", dict(answers)
    while select.select([ours], [], [], 30)[0]:
        try:
            piece = os.read(ours, 4096).decode()
        except OSError:
            break
        shown += piece
        for prompt in [prompt for prompt in waiting if shown.rstrip().endswith(f"{prompt}:")]:
            os.write(ours, f"{waiting.pop(prompt)}\n".encode())
    os.close(ours)
    assert process.wait(30) == 0, shown
    assert waiting == {}
    return shown


def test_each_part_is_asked_for_and_only_the_secret_one_is_unseen(toy: Path):
    answers = {"authorization id of Toy Cloud": ID, "API token of Toy Cloud": TOKEN, "team of Toy Cloud (optional)": ""}
    shown = type_in(answers, "keys", "set", "toy")
    assert ID in shown and TOKEN not in shown
    assert f"toy: stored in file {toy}/keys.toml; account of {ID}, balance $5" in shown
    assert read_key_file(toy / "keys.toml") == {"toy": {"id": ID, "token": TOKEN}}


def test_in_a_pipe_each_part_is_a_line(toy: Path, gs: Shell):
    empty = gs("keys", "set", "toy", stdin="\n")
    assert_says(empty, Row("", "", "no key on stdin", 2, r"authorization id, API token, team .optional."))
    assert_says(gs("keys", "set", "toy", stdin=f"{ID}\n"), Row("", "", "the API token is missing", 4, "keys set toy"))
    stored = gs("keys", "set", "toy", stdin=f"{ID}\n{TOKEN}\n", TOY_ID="other", TOY_TOKEN="other")
    assert stored.code == 0 and "TOY_TOKEN" in stored.err and TOKEN not in stored.out + stored.err
    listed = json.loads(gs("keys", "--json").out)["keys"]
    states = {row["provider"]: row["state"] for row in listed}
    assert states == {**dict.fromkeys(clouds.BUILT_IN, "missing"), "toy": "ok"}


def test_nothing_is_asked_for_an_unknown_cloud(toy: Path, gs: Shell):
    refused = gs("keys", "set", "tiy", stdin=TOKEN)
    assert_says(refused, Row("", "", "no cloud or account is called 'tiy'", 3, "did you mean toy"))


def test_without_any_key_every_command_says_once_what_to_do(toy: Path, gs: Shell):
    for words in ("audit", "inventory", "plan --gpu 4090", "provision --gpu 4090 --yes"):
        ran = gs(*words.split())
        assert_says(ran, Row("", words, "no Toy Cloud credentials", 4, "then: gpu-shopper keys set toy"))
        assert ran.err.count("credentials") == 1 and "create one at toy.example (Developers)" in ran.err, words


def test_half_a_credential_is_one_line(toy: Path, gs: Shell):
    row = Row("", "", "token in .toy. is missing: file .*keys.toml holds only a part", 4, "keys set toy")
    (toy / "keys.toml").write_text(f'[toy]\nid = "{ID}"\n')
    (toy / "keys.toml").chmod(0o600)
    for words in ("keys test toy", "inventory", "provision --gpu 4090 --yes"):
        assert_says(gs(*words.split()), row)
    shown = gs("status")
    assert "keyless" in shown.out and "token in [toy] is missing" in shown.out


def test_status_without_any_key_says_so_with_reason_and_hint(toy: Path, gs: Shell):
    shown = gs("status")
    assert (shown.code, "no cloud has a key; see: gpu-shopper keys" in shown.out) == (0, True), shown
    assert "no Toy Cloud credentials" in shown.out
    (row,) = json.loads(gs("status", "--json").out)["status"]["providers"]
    assert (row["state"], row["key_state"], row["detail"]) == ("keyless", "missing", "no Toy Cloud credentials")
    assert "gpu-shopper keys set toy" in row["key_hint"]


def test_a_broken_package_is_named_by_config_and_status(toy: Path, gs: Shell):
    (toy.parent / "site" / "toycloud.py").write_text("import no_such_module_anywhere")
    told = "the cloud toy is left out: toycloud:CLOUD is not loaded: ModuleNotFoundError"
    assert told in gs("config").err
    assert told in gs("status").out
    assert json.loads(gs("config", "--json").out)["skipped_clouds"].keys() == {"toy"}
    assert "ModuleNotFoundError" in (toy / "daemon.log").read_text()


def test_config_reports_a_cloud_that_no_package_has_as_an_error(toy: Path, gs: Shell):
    (toy / "config.toml").write_text(NO_VAST + "[providers.tiy]\nenabled = true\n")
    shown = gs("config")
    assert shown.code == 4 and "providers.tiy.enabled" in shown.out
    assert "error: the configuration names an unknown provider tiy; did you mean toy?" in shown.err
    assert json.loads(gs("config", "--json").out)["unknown_providers"] != []


def test_a_cloud_that_nobody_uses_does_not_keep_a_daemon_without_a_key(toy: Path, gs: Shell):
    """Vast is known and disabled: the daemon has no key of it that a restart could lose."""
    key = {"TOY_ID": ID, "TOY_TOKEN": TOKEN}
    assert gs("ls").code == 0
    ran = gs("ls", **key)
    assert ran.code == 0 and "restarting the daemon: it has no key of toy" in ran.err, ran
    assert "restarting" not in gs("ls", **key).err


def test_a_daemon_is_not_restarted_where_that_loses_a_key(toy: Path, gs: Shell):
    local = NO_VAST.replace("enabled = false", 'endpoint = "http://127.0.0.1:9"', 1)
    (toy / "config.toml").write_text(local)
    assert gs("ls", TOY_ID=ID, TOY_TOKEN=TOKEN).code == 0
    ran = gs("ls", VAST_API_KEY="v" * 20)
    assert ran.code == 0 and "restarting" not in ran.err


def test_the_word_for_an_account_needs_the_ids_off_a_terminal(toy: Path, gs: Shell):
    """Whoever pipes a key in has not been asked what it is trusted with."""
    given = f"{ID}\n{TOKEN}\n"
    row = Row("", "", "not a terminal: --same-account needs the id of each instance", 2, "--instance ID")
    assert_says(gs("keys", "set", "toy", "--same-account", stdin=given), row)
    alone = gs("keys", "set", "toy", "--instance", "7", stdin=given)
    assert_says(alone, Row("", "", "goes with --same-account", 2, "help"))
    assert not (toy / "keys.toml").exists(), "nothing was stored"


def test_one_account_or_one_cloud(toy: Path, gs: Shell):
    refused = gs("inventory", "--account", "lab", "--provider", "toy")
    assert_says(refused, Row("", "", "an account is at one cloud", 2, "give one of --account and --provider"))
    (toy / "config.toml").write_text(f"{NO_VAST}[accounts.lab]\nenabled = true\n")
    assert_says(gs("keys"), Row("", "", "accounts.lab does not say which cloud it is at", 4, "add to .accounts.lab."))


def test_the_word_for_a_cloud_that_tells_no_account(home: Path, monkeypatch: pytest.MonkeyPatch, gs: Shell):
    """With nothing open there is nothing to trust; the key is stored all the same."""
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(NO_VAST)
    adapter = toy_cloud.ADAPTER.replace("import Carrier", "import Identity, Carrier")
    adapter = adapter.replace('name="toy",', 'name="toy", identity=Identity.INFERRED,')
    site = toy_cloud.install(home.parent / "site", toycloud_adapter=adapter)
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.getcwd()}")
    ran = gs("keys", "set", "toy", "--same-account", "--instance", "7", stdin=f"{ID}\n{TOKEN}\n")
    assert ran.code == 0, ran.err
    assert "nothing open on toy needs your word" in ran.err and "toy: stored in file" in ran.out
