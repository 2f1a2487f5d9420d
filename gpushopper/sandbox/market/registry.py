"""The private image registry: parses `image_login`, decides whether an image can be pulled.

Its password is derived from the market's seed. It is not saved and not put on an instance.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from random import Random

HOST = "registry.example"
USER = "reader"
_HUB = "docker.io"
_OPTIONS = {"-u": "user", "--username": "user", "-p": "password", "--password": "password"}


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """User, password and registry for `docker login`."""

    user: str
    password: str = field(repr=False)
    registry: str


@dataclass(frozen=True, slots=True)
class Registry:
    """A private registry; every image under its name exists and is private."""

    host: str
    user: str
    token: str = field(repr=False)


def make_registry(seed: int) -> Registry:
    """Return the registry of a market's seed."""
    rng = Random(f"registry:{seed}")
    return Registry(HOST, USER, "rtk_" + base64.b32encode(rng.randbytes(20)).decode().lower())


def parse_login(text: object) -> RegistryLogin | None:
    """Return the login of a create's `image_login`, `-u USER -p PASS REGISTRY`; None without one. Raises ValueError.

    The registry may be left out, as for `docker login`.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError("image_login must be a text")
    words, found = text.split(), {}
    while words and words[0] in _OPTIONS:
        name, value, words = _OPTIONS[words[0]], words[1:2], words[2:]
        if not value or value[0].startswith("-") or name in found:
            raise ValueError("image_login: an option without its value, or given twice")
        found[name] = value[0]
    if found.keys() != {"user", "password"} or len(words) > 1 or any(word.startswith("-") for word in words):
        raise ValueError("image_login is written -u USER -p PASS REGISTRY")
    return RegistryLogin(found["user"], found["password"], words[0] if words else _HUB)


def pull_failure(registry: Registry, image: str | None, login: RegistryLogin | None) -> str | None:
    """Return docker's error message for the pull; None when the image can be pulled."""
    is_here = login is not None and login.registry == registry.host
    if login is not None and is_here and (login.user, login.password) != (registry.user, registry.token):
        return (
            f'Error response from daemon: Get "https://{registry.host}/v2/": unauthorized: '
            "incorrect username or password\n"
        )
    if is_here or not (image or "").startswith(f"{registry.host}/"):
        return None
    name = (image or "").partition("@")[0].rpartition(":")[0] or image
    return (
        f"Error response from daemon: pull access denied for {name}, repository does not exist or may require "
        "'docker login': denied: requested access to the resource is denied\n"
    )
