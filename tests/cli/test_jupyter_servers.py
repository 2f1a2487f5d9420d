"""What an instance says of its Jupyter servers becomes an address here only where every part has the form of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpushopper.cli.remote.jupyter_server import JupyterServer, read_servers

ROW: dict[str, Any] = {"port": 8888, "token": "abc", "base_url": "/", "secure": False, "url": "http://x"}


def test_a_server_is_read_in_both_forms_of_the_list():
    found = JupyterServer(8888, "abc")
    assert read_servers(f"hello\n{json.dumps(ROW)}\n") == [found]
    assert read_servers(json.dumps([ROW, {**ROW, "port": 9}])) == [found, JupyterServer(9, "abc")]
    assert found.url(5000) == "http://127.0.0.1:5000/?token=abc"
    assert JupyterServer(1, "", "/user/me/", "https").url(2) == "https://127.0.0.1:2/user/me/"


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 0}, {"port": 70000}, {"port": "8888"}, {"port": True}, {"port": None}, {"token": 'x"><script>'},
        {"token": "a b"}, {"token": None}, {"token": "a\x1b[2J"}, {"token": "a" * 201}, {"base_url": "//evil/"},
        {"base_url": "@evil"}, {"base_url": "/a?b"}, {"base_url": 7},
    ],
)  # fmt: skip
def test_what_is_no_part_of_an_address_is_no_server(wrong: dict[str, Any]):
    assert read_servers(json.dumps({**ROW, **wrong})) == []


@pytest.mark.parametrize(
    "text", ["", "null", "7", '"x"', "[7, null]", "{", "[" * 10_000, "\n" * 1000 + json.dumps(ROW)]
)
def test_garbage_is_no_server(text: str):
    assert read_servers(text) == []
