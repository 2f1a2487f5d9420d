"""Which registry holds an image, and which logins can be passed in one line."""

from __future__ import annotations

import base64

import pytest

from gpushopper.core.model.container_image import (
    ImageLogin,
    image_problem,
    is_registry,
    login_problem,
    read_registry,
    registry_of,
)
from gpushopper.core.secret import Secret

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ubuntu", "docker.io"),
        ("ubuntu:22.04", "docker.io"),
        ("nvidia/cuda:12.4.1-base-ubuntu22.04", "docker.io"),
        ("me/my.image:1", "docker.io"),
        ("ghcr.io", "docker.io"),  # without a slash it is the name of an image
        ("docker.io/me/x", "docker.io"),
        ("index.docker.io/me/x", "docker.io"),
        ("registry-1.docker.io/me/x", "docker.io"),
        ("ghcr.io/me/private:tag", "ghcr.io"),
        ("GHCR.io/me/private", "ghcr.io"),
        ("nvcr.io/nvidia/pytorch:24.01-py3", "nvcr.io"),
        ("ghcr.io/me/x@sha256:" + "0" * 64, "ghcr.io"),
        ("localhost/x", "localhost"),
        ("localhost:5000/x:1", "localhost:5000"),
        ("me:5000/x", "me:5000"),
        ("10.0.0.5:5000/team/x", "10.0.0.5:5000"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/x", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
    ],
)
def test_the_registry_is_what_docker_would_ask(image: str, registry: str):
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    "image", ["ev!l.io/x", "a..b/x", ".io/x", "host:/x", "host:port/x", "-a.io/x", "a b.io/x", "é.io/x", "$x.io/x"]
)
def test_what_cannot_be_a_registry_is_refused(image: str):
    with pytest.raises(ValueError, match="host or host:port"):
        registry_of(image)


@pytest.mark.parametrize(
    ("image", "name"),
    [("Team/x", "Team/x"), ("team/X:1", "team/X"), ("Ubuntu", "Ubuntu"), ("ghcr.io/Me/x:Tag", "Me/x"),
     ("localhost:5000/X@sha256:AB", "X"), ("a/B/c", "a/B/c"), ("GHCR.io/Me/x", "Me/x")],
)  # fmt: skip
def test_no_image_has_capital_letters_in_its_name(image: str, name: str):
    """Docker refuses them, and would take the first part of `Team/x` for a host."""
    assert image_problem(image) == f"docker allows no capital letters in the name of an image: {name}"


@pytest.mark.parametrize(
    "image",
    ["ubuntu", "me/x:Tag", "GHCR.io/me/x", "localhost:5000/x", "Host:5000/x", "ghcr.io/me/x:V1@sha256:" + "a" * 64],
)
def test_registries_and_tags_may_have_capital_letters(image: str):
    assert image_problem(image) == ""


IMPOSSIBLE = (
    "", "img tag", "img:", ":latest", "a:b:c", "'img'", '"img"', "https://ghcr.io/me/x", "docker://img", "img@",
    "img@sha256:" + "0" * 63, "img@sha256:" + "0" * 65, "img@sha256:" + "g" * 64, "img@md5:" + "0" * 32, "img@latest",
    "ghcr.io/x:5000/y", "/img", "img/", "a//b", "-img", "img-", "a..b", "a___b", "img:-tag", "img:" + "t" * 129,
    "0" * 64, "a" * 500, "ev!l.io/x", "host:port/x", "-a.io/x", "img\n", "im\tg", "$IMG", "${IMG}", "\u00e9",
    "img;reboot", "sha256:" + "0" * 64, "localhost:65536/x", "ghcr.io:0/x",
)  # fmt: skip


@pytest.mark.parametrize("image", IMPOSSIBLE)
def test_an_image_name_against_dockers_grammar_is_a_problem(image: str):
    assert image_problem(image)


@pytest.mark.parametrize(
    "image",
    ["img@sha256:" + "0" * 64, "img:1@sha256:" + "f" * 64, "img@sha512:" + "0" * 128, "a__b", "a-b_c/e--f",
     "my_img:_1",
     "pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime", "nvcr.io/nvidia/pytorch:24.01-py3", "127.0.0.1:40000/team/x:1"],
)  # fmt: skip
def test_what_docker_takes_is_none(image: str):
    assert image_problem(image) == ""


def test_a_first_part_with_capital_letters_is_no_registry():
    with pytest.raises(ValueError, match="no capital letters"):
        registry_of("Team/x")


@pytest.mark.parametrize("name", ["https://ghcr.io", "ghcr.io/me", "ghcr.io ", "ghcr.io\n", "", "a" * 300 + ".io"])
def test_a_registry_is_a_host_and_perhaps_a_port(name: str):
    with pytest.raises(ValueError):
        read_registry(name)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("ghcr.io", True), ("localhost:5000", True), ("localhost", True), ("https://ghcr.io", True), ("vast", False),
     ("", False), ("runpod", False)],
)  # fmt: skip
def test_a_name_with_a_dot_or_a_colon_is_a_registry(name: str, is_one: bool):
    assert is_registry(name) is is_one


@pytest.mark.parametrize("user", ["alice", "a@b.org", "robot+ci", "_json", "tenancy/user", "$oauthtoken", "0-0"])
@pytest.mark.parametrize("password", [TOKEN, "dckr_pat_a-B_c", "a1/b+c=d.e~f:g@h%i,j!k", "x" * 4096])
def test_what_registries_give_out_may_travel(user: str, password: str):
    assert login_problem(user, password) == ""


BREAKS = (*" \t\n'\"\\$`;|&<>(){}*?[]#^", "é", "\0")


@pytest.mark.parametrize("mark", BREAKS)
@pytest.mark.parametrize("form", ["{}abcdefgh", "abcd{}efgh", "abcdefgh{}"])
def test_no_part_can_end_a_shell_word_or_be_expanded(mark: str, form: str):
    text = form.format(mark)
    assert "user name" in login_problem(text, TOKEN)
    assert "password" in login_problem("alice", text)
    for registry, user, password in (("ghcr.io", text, TOKEN), ("ghcr.io", "alice", text), (text, "alice", TOKEN)):
        with pytest.raises(ValueError) as caught:
            ImageLogin(registry, user, Secret(password))
        assert text not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "password"),
    [("", TOKEN), ("-p", TOKEN), ("alice", "-abcdefgh"), ("alice", "~abcdefgh"), ("alice", "short7c"), ("alice", ""),
     ("alice", "x" * 4097), ("a:b", TOKEN), ("$home", TOKEN), ("$oauthtokens", TOKEN)],
)  # fmt: skip
def test_options_expansions_and_short_passwords_are_refused(user: str, password: str):
    assert login_problem(user, password)


def test_a_login_does_not_show_itself_and_knows_its_echoes():
    login = ImageLogin("ghcr.io", "alice", Secret("a/b+c=d1e2"))
    assert "a/b" not in repr(login) and "a/b" not in f"{login}"
    assert set(login.redactions()) == {
        "a/b+c=d1e2", "a\\/b+c=d1e2", "a%2Fb%2Bc%3Dd1e2", base64.b64encode(b"alice:a/b+c=d1e2").decode()
    }  # fmt: skip


def test_only_the_one_spelling_of_a_registry_makes_a_login():
    for registry in ("GHCR.io", "index.docker.io"):
        with pytest.raises(ValueError):
            ImageLogin(registry, "alice", Secret(TOKEN))
