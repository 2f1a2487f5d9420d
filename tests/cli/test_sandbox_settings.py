"""What `sandbox start` writes into its home about the clouds that it serves."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli.process.sandbox_process import write_settings
from gpushopper.client import JsonObject
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home

VAST = {"url": "http://127.0.0.1:1", "keys": {"api_key": "k1", "other_account_api_key": "k2"}}
UNKNOWN = {"url": "http://127.0.0.1:2", "keys": {"token": "k3"}}

TENSORDOCK = {"url": "http://127.0.0.1:3", "keys": {"authorization_id": "i4", "api_token": "k4"}}
KEPT = """# mine
[tl]
authorization_id = "i5"
api_token = "k5"   # the lab's

[registry."ghcr.io"]
user = "alice"

[late]
api_key = "k6"
"""


def write(home: Home, **dialects: Any) -> dict[str, Any]:
    """The keys that are in the file after these clouds were served."""
    text = json.dumps({"instances_are": "paper", "dialects": dialects})
    write_settings(home, json.loads(text, object_hook=JsonObject))
    assert home.key_file.stat().st_mode & 0o777 == 0o600
    return tomllib.loads(home.key_file.read_text())


def test_a_cloud_that_no_adapter_can_use_is_left_out(tmp_path: Path):
    home = Home(tmp_path, tmp_path)
    text = json.dumps({"instances_are": "paper", "dialects": {"vast": VAST, "nosuch": UNKNOWN}})
    write_settings(home, json.loads(text, object_hook=JsonObject))
    assert home.key_file.read_text() == '[vast]\napi_key = "k1"\n'
    assert "[providers.vast]" in home.config_file.read_text()
    assert "nosuch" not in home.config_file.read_text()


def test_keys_of_further_accounts_stay_as_they_are_written(tmp_path: Path):
    home = Home(tmp_path, tmp_path)
    home.key_file.write_text(KEPT)
    for _ in range(2):
        found = write(home, vast=VAST, tensordock=TENSORDOCK)
        served = {"vast": {"api_key": "k1"}, "tensordock": {"authorization_id": "i4", "api_token": "k4"}}
        assert found == tomllib.loads(KEPT) | served
        text = home.key_file.read_text()
        assert KEPT.partition("\n[registry")[0] in text and text.endswith('[late]\napi_key = "k6"\n')


def test_the_key_of_a_cloud_that_is_not_served_now_stays(tmp_path: Path):
    """What was rented there bills on, and is ended once it is served again."""
    home = Home(tmp_path, tmp_path)
    write(home, vast=VAST, tensordock=TENSORDOCK)
    found = write(home, vast={**VAST, "keys": {"api_key": "k7"}})
    assert found == {"vast": {"api_key": "k7"}, "tensordock": {"authorization_id": "i4", "api_token": "k4"}}
    assert "[providers.tensordock]" not in home.config_file.read_text()


def test_a_part_that_is_not_given_any_more_is_removed(tmp_path: Path):
    home = Home(tmp_path, tmp_path)
    write(home, tensordock=TENSORDOCK)
    assert write(home, tensordock={**TENSORDOCK, "keys": {"api_token": "k8"}}) == {"tensordock": {"api_token": "k8"}}


@pytest.mark.parametrize("text", ['[tl]\napi_token = "k5\n', 'tl.api_token = "k5"\nvast = {api_key = "k0"}\n'])
def test_a_file_in_another_form_is_refused_and_stays(tmp_path: Path, text: str):
    home = Home(tmp_path, tmp_path)
    home.key_file.write_text(text)
    with pytest.raises(Misconfigured) as refused:
        write(home, vast=VAST)
    assert "k5" not in str(refused.value) and home.key_file.read_text() == text
    assert not home.config_file.exists(), "half of the settings would be worse than none"


def test_a_key_that_is_stored_meanwhile_is_not_lost(tmp_path: Path):
    """`keys set --file` changes the file under a lock on its folder, in a process of its own."""
    home = Home(tmp_path, tmp_path)
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    starting = threading.Thread(target=write, args=(home,), kwargs={"vast": VAST})
    starting.start()
    starting.join(0.2)  # it waits for the lock
    home.key_file.write_text(KEPT)
    home.key_file.chmod(0o600)
    os.close(folder)
    starting.join()
    assert tomllib.loads(home.key_file.read_text()) == tomllib.loads(KEPT) | {"vast": {"api_key": "k1"}}
