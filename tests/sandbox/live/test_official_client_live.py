"""Vast's own client against live instances: the rows of vastai.md 18 about keys, addresses and restarts."""

from __future__ import annotations

import json

import pytest

from tests.sandbox import official_client
from tests.sandbox.live.live_sandbox import make_key
from tests.sandbox.official_client import Client, Ran

pytestmark = pytest.mark.proofs


@pytest.fixture(scope="module")
def program():
    return official_client.program()


@pytest.fixture
def client(program, market, home, capsys):
    place = market.status["dialects"]["vast"]
    made = Client(program, home.parent, place["url"], place["keys"]["api_key"])

    def run(*arguments: str) -> Ran:
        ran = made.run(*arguments)
        with capsys.disabled():
            print(f"\n  {ran.command[:90]:<90} | {(ran.out or ran.err).strip()[:80]}", end="")
        return ran

    return run


@pytest.mark.parametrize("verb", ["reboot", "recycle"])
def test_row_24_reboot_and_recycle(client, market, rented, verb):
    first = rented.facts["pid"]
    doing = {"reboot": "Rebooting", "recycle": "Recycling"}[verb]
    assert client(verb, "instance", str(rented.id)).out.strip() == f"{doing} instance {rented.id}."
    market.wait(lambda: (market.live(rented.id) or {}).get("pid") not in (None, first))
    rented.until_ready()


def test_rows_26_and_27_account_keys(client, market, tmp_path):
    text = make_key(tmp_path, "u@h").with_suffix(".pub").read_text().strip()
    made = client("create", "ssh-key", text, "-y")
    assert "\nssh-key created {'success': True, 'key': {" in made.out
    (key,) = json.loads(client("show", "ssh-keys", "--raw").out)
    assert key["public_key"] == text
    market.api("DELETE", f"/api/v0/ssh/{key['id']}/", {})


def test_row_28_attach_and_detach(client, market, rented, tmp_path):
    key = make_key(tmp_path, "u@h")
    attached = client("attach", "ssh", str(rented.id), key.with_suffix(".pub").read_text().strip())
    assert "{'success': True, 'msg': " in attached.out
    market.wait(lambda: rented.ssh("true", key=key).returncode == 0)
    listed = market.api("GET", f"/api/v0/instances/{rented.id}/ssh/")["ssh_keys"]
    detached = client("detach", "ssh", str(rented.id), str(json.loads(listed)[-1]["id"]))
    assert "{'success': True, 'msg': " in detached.out
    market.wait(lambda: rented.ssh("true", key=key).returncode == 255)


def test_row_29_where_to_log_in(client, rented):
    told = client("ssh-url", str(rented.id)).out.strip()
    assert told == f"ssh://root@127.0.0.1:{rented.port}"
    assert rented.ssh("echo in").stdout == "in\n"


def test_row_29_through_the_proxy(client, market):
    through = market.rent(runtype="ssh_proxy")
    assert client("ssh-url", str(through.id)).out.strip() == f"ssh://root@127.0.0.1:{through.port}"
    through.destroy()
