"""Container images: which registry holds one, and a login there that cannot be misread on its way."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from gpushopper.core.secret import Secret

DOCKER_HUB = "docker.io"
_ALSO_HUB = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_REGISTRY = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]{1,5})?")
_LONGEST_REGISTRY = 255
_TAG = re.compile(r":[^/:]*$")

SHORTEST_PASSWORD = 8
"""What is shorter could not be taken out of foreign text again without taking out words."""
LONGEST_PASSWORD = 4096
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+/-]{0,255}")
_FIXED_USER = "$oauthtoken"
"""The one user name of NVIDIA's registry. Read by a shell it would be an empty word: no more than a refused login."""
_PASSWORD = re.compile(r"[A-Za-z0-9_+/=.][A-Za-z0-9_+/=.~:@%,!-]*")


def is_registry(name: str) -> bool:
    """Whether a word names a registry, by docker's own rule: a dot, a colon, or `localhost`. No cloud is called so."""
    return "." in name or ":" in name or name == "localhost"


def registry_of(image: str) -> str:
    """The registry that docker would ask for this image: the first part, if it names one, else Docker Hub.

    Raises:
        ValueError: the first part would be a registry, and cannot be one.
    """
    first, slash, _ = image.partition("/")
    if not slash or not is_registry(first):
        if slash and first != first.lower():
            # No repository has capital letters, so that docker takes such a part for a host: nobody means that.
            raise ValueError(image_fault(image))
        return DOCKER_HUB
    return read_registry(first)


def image_fault(image: str) -> str:
    """Why docker would not look for such an image anywhere, or nothing; only what people do mistype."""
    first, slash, rest = image.partition("/")
    path = rest if slash and is_registry(first) else image
    name = _TAG.sub("", path.partition("@")[0])
    return "" if name == name.lower() else f"docker allows no capital letters in the name of an image: {name}"


def read_registry(name: str) -> str:
    """The one spelling of a registry's name: `host` or `host:port` in lower case.

    Raises:
        ValueError: it is not of that form.
    """
    found = name.lower()
    if len(found) > _LONGEST_REGISTRY or not _REGISTRY.fullmatch(found):
        raise ValueError("a registry is written as host or host:port, such as ghcr.io")
    return DOCKER_HUB if found in _ALSO_HUB else found


def login_fault(user: str, password: str) -> str:
    """Why this login cannot travel as the one line `-u USER -p PASSWORD REGISTRY`, or nothing.

    Whoever reads that line may be a shell. An allow-list: nothing here ends a word, begins an option or is expanded.
    """
    if not _USER.fullmatch(user) and user != _FIXED_USER:
        return "the user name has characters that a cloud could misread"
    if len(password) < SHORTEST_PASSWORD:
        return f"the password has fewer than {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD or not _PASSWORD.fullmatch(password):
        return "the password is too long or has characters that a cloud could misread"
    return ""


@dataclass(frozen=True, slots=True)
class ImageLogin:
    """A login at a registry, whose three parts are words of the form that `login_fault` and `read_registry` demand."""

    registry: str
    user: str
    password: Secret

    def __post_init__(self) -> None:
        """Refuse what could be misread, wherever it comes from: a key file may be written by hand."""
        fault = login_fault(self.user, self.password.reveal())
        if fault:
            raise ValueError(fault)
        if read_registry(self.registry) != self.registry:
            raise ValueError("the registry is not in its one spelling")

    def echoes(self) -> tuple[str, ...]:
        """Every form in which the password may come back from outside: plain, in an address, as docker encodes it."""
        password = self.password.reveal()
        quoted = "".join(c if c.isalnum() or c in "._-~" else f"%{ord(c):02X}" for c in password)
        encoded = base64.b64encode(f"{self.user}:{password}".encode()).decode()
        return tuple(dict.fromkeys((password, quoted, encoded, password.replace("/", "\\/"))))
