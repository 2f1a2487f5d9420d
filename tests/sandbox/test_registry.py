"""The private image registry: the right login pulls, others get docker's errors, the password is not stored."""

from __future__ import annotations

import json

import pytest

from gpushopper.sandbox.market.model import Phase
from gpushopper.sandbox.market.registry import RegistryLogin, make_registry, parse_login
from gpushopper.sandbox.persistence import dump_state, restore_state

PRIVATE = "registry.example/team/private:1"


@pytest.mark.parametrize(
    ("text", "login"),
    [
        (None, None),
        ("", None),
        ("-u a -p b ghcr.io", RegistryLogin("a", "b", "ghcr.io")),
        ("  -p b  -u a   ghcr.io:5000 ", RegistryLogin("a", "b", "ghcr.io:5000")),
        ("-u bob -p 9d8df!fd89ufZ docker.io", RegistryLogin("bob", "9d8df!fd89ufZ", "docker.io")),
        ("--username a --password b", RegistryLogin("a", "b", "docker.io")),
    ],
)
def test_image_login_is_parsed_like_docker_login(text, login):
    assert parse_login(text) == login


MALFORMED = ("x", "-u a ghcr.io", "-p b ghcr.io", "-u a -p", "-u -p b x", "-u a -p b x y", "-u a -u b -p c x",
             "-u a -p b -v", "-e A=b -u a -p b x", 7, ["-u"])  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_login_is_refused_and_creates_nothing(shop, text):
    answer = shop.create(image_login=text)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_args")
    assert shop.ids() == []


def words(shop, user=None, token=None, host=None):
    registry = shop.state.market.registry
    return f"-u {user or registry.user} -p {token or registry.token} {host or registry.host}"


def test_the_right_login_pulls(shop, clock):
    number = shop.rent(image=PRIVATE, image_login=words(shop))
    clock.pass_seconds(60)
    assert shop.shown(number)["actual_status"] == "running"


@pytest.mark.parametrize(
    ("login", "says"),
    [
        (lambda shop: None, "pull access denied for registry.example/team/private, repository does not exist or may"),
        (lambda shop: words(shop, host="ghcr.io"), "pull access denied"),
        (lambda shop: words(shop, token="x" * 9), "unauthorized: incorrect username or password"),
        (lambda shop: words(shop, user="eve"), "unauthorized: incorrect username or password"),
    ],
)
def test_without_the_right_login_the_instance_stays_loading_with_dockers_error(shop, clock, login, says):
    number = shop.rent(image=PRIVATE, image_login=login(shop))
    clock.pass_seconds(3600)
    row = shop.shown(number)
    assert row["actual_status"] == "loading"
    assert row["status_msg"].startswith("Error response from daemon: ") and says in row["status_msg"]
    assert row["dph_total"] > 0 and shop.instance(number).phase is Phase.LOADING


@pytest.mark.parametrize("image", ["ubuntu:22.04", "ghcr.io/x/y", "registry.example", "registry.example.org/x"])
@pytest.mark.parametrize("login", [None, "-u a -p bbbbbbbb ghcr.io"])
def test_other_images_need_no_login(shop, clock, image, login):
    number = shop.rent(image=image, image_login=login)
    clock.pass_seconds(60)
    assert shop.shown(number)["actual_status"] == "running"


def test_neither_market_nor_ledger_nor_rows_keep_a_password(shop, clock):
    token = shop.state.market.registry.token
    number = shop.rent(image=PRIVATE, image_login=words(shop))
    shop.rent("gs1-b", image=PRIVATE, image_login=words(shop, token="an0ther-one"))
    clock.pass_seconds(60)
    saved = json.dumps(dump_state(shop.state))
    for text in (saved, json.dumps(shop.ledger()), json.dumps(shop.listed()), repr(shop.instance(number))):
        assert token not in text and "an0ther-one" not in text
    restored = restore_state(json.loads(saved), clock)
    assert restored.market.registry == shop.state.market.registry == make_registry(1) != make_registry(2)
