"""Logs and commands: the result's address at once, its content a moment later and without a key (vastai.md 9)."""

from __future__ import annotations

import pytest


def asked(shop, number, **body):
    return shop.call("PUT", f"/api/v0/instances/request_logs/{number}/", body)


def fetch(shop, answer):
    """The result as anybody gets it who has its address."""
    return shop.http.get(answer.get_json()["result_url"])


def test_a_log_is_uploaded_after_its_address_is_told(shop, clock):
    number = shop.rent()
    clock.pass_seconds(30)
    answer = asked(shop, number, tail="50")
    body = answer.get_json()
    assert (answer.status_code, body["success"]) == (200, True)
    assert body["result_url"].startswith("http://localhost/instance_logs/")
    assert fetch(shop, answer).status_code == 404
    clock.pass_seconds(3)
    found = fetch(shop, answer)
    assert (found.status_code, found.content_type) == (200, "binary/octet-stream")
    assert found.text.splitlines()[-1].endswith("running onstart.sh")


def test_tail_filter_and_daemon_logs(shop, clock):
    number = shop.rent()
    clock.pass_seconds(30)
    asked_for = [
        asked(shop, number, tail="1"),
        asked(shop, number, filter="pulling"),
        asked(shop, number, daemon_logs="true"),
    ]
    clock.pass_seconds(3)
    last, pulled, daemon = [fetch(shop, answer).text.splitlines() for answer in asked_for]
    assert len(last) == 1 and last[0].endswith("running onstart.sh")
    assert len(pulled) == 1 and "pulling ubuntu:22.04" in pulled[0]
    assert f"container C.{number} requested" in daemon[0]
    assert asked(shop, number, tail="many").status_code == 400


def test_which_key_may_request_which_log(shop):
    answer = asked(shop, 1)
    assert (answer.status_code, answer.get_json()["error"]) == (404, "invalid_id")
    number = shop.rent()
    key, shop.key = shop.key, shop.instance(number).secret
    assert asked(shop, number).status_code == 401
    shop.key = key
    assert shop.http.get("/instance_logs/0123.log").status_code == 404


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("ls -l", 200),
        ("du -s .", 200),
        ("rm x", 200),
        ("cat x", 400),
        ("", 400),
        ("ls '", 400),
        ("ls " + "x" * 600, 400),
    ],
)
def test_three_commands_can_be_run(shop, clock, command, status):
    number = shop.rent()
    answer = shop.call("PUT", f"/api/v0/instances/command/{number}/", {"command": command})
    assert answer.status_code == status
    if status == 200:
        assert answer.get_json()["writeable_path"] == "/workspace"
        clock.pass_seconds(3)
        assert fetch(shop, answer).status_code == 200
    else:
        assert answer.get_json()["error"] == "invalid_args"


def test_a_command_for_an_unknown_instance(shop):
    answer = shop.call("PUT", "/api/v0/instances/command/1/", {"command": "ls"})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_container_id")


def test_faults_of_both_halves(shop, clock):
    number = shop.rent()
    shop.fault("log_file", "status", "404", count=1)
    answer = asked(shop, number)
    clock.pass_seconds(3)
    assert fetch(shop, answer).status_code == 404
    assert fetch(shop, answer).status_code == 200
    shop.fault("logs", "status", "500", count=1)
    assert asked(shop, number).status_code == 500
