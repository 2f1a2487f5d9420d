"""What `sandbox start` writes into its home about the clouds that it serves."""

from __future__ import annotations

import json
from pathlib import Path

from gpushopper.cli.process.sandbox_process import write_settings
from gpushopper.client import JsonObject
from gpushopper.paths import Home

VAST = {"url": "http://127.0.0.1:1", "keys": {"api_key": "k1", "other_account_api_key": "k2"}}
UNKNOWN = {"url": "http://127.0.0.1:2", "keys": {"token": "k3"}}


def test_a_cloud_that_no_adapter_can_use_is_left_out(tmp_path: Path):
    home = Home(tmp_path, tmp_path)
    text = json.dumps({"instances_are": "paper", "dialects": {"vast": VAST, "nosuch": UNKNOWN}})
    write_settings(home, json.loads(text, object_hook=JsonObject))
    assert home.key_file.read_text() == '[vast]\napi_key = "k1"\n'
    assert "[providers.vast]" in home.config_file.read_text()
    assert "nosuch" not in home.config_file.read_text()
