"""Container images: parses the name and registry of an image, and checks a registry login (user, password)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from gpushopper.core.secret import Secret

DOCKER_HUB = "docker.io"
_ALSO_HUB = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_REGISTRY = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]{1,5})?")
_MAX_REGISTRY_LENGTH = 255
MAX_PORT = 65_535
_PRINTABLE = re.compile(r"[A-Za-z0-9._:/@+-]+")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HEX = re.compile(r"[0-9a-f]+")
_HASH = re.compile(r"[0-9a-f]{64}")
_DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}
_MAX_REFERENCE_LENGTH = 255 + 128

MIN_PASSWORD_LENGTH = 8
"""A shorter password could not be redacted from text without removing ordinary words."""
MAX_PASSWORD_LENGTH = 4096
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+/-]{0,255}")
_FIXED_USER = "$oauthtoken"
"""The fixed user name of NVIDIA's registry. If a shell expands it, the login fails and nothing else happens."""
_PASSWORD = re.compile(r"[A-Za-z0-9_+/=.][A-Za-z0-9_+/=.~:@%,!-]*")


def is_registry(name: str) -> bool:
    """Whether a name is a registry's by docker's rule: a dot, a colon, or `localhost`. No provider has such a name."""
    return "." in name or ":" in name or name == "localhost"


def registry_of(image: str) -> str:
    """The registry that docker would ask for this image: the first part, if it names one, else Docker Hub.

    Raises:
        ValueError: the first part would be a registry, and cannot be one.
    """
    first, slash, _ = image.partition("/")
    if not slash or not is_registry(first):
        if slash and first != first.lower():
            # No repository has capital letters, so docker would take such a part for a host: surely a mistake.
            raise ValueError(image_problem(image))
        return DOCKER_HUB
    return read_registry(first)


def image_problem(image: str) -> str:
    """Why this is no valid image reference by docker's grammar; empty if it is one."""
    shown = _shown(image)
    if not image:
        return "the name of the image is empty (an unset variable?)"
    if "://" in image:
        return f"an image is named without https:// or the like: {shown}"
    first, slash, rest = image.partition("/")
    has_registry = bool(slash) and is_registry(first)
    if has_registry and not _is_registry_host(first):
        return f"{first} cannot be a registry, which is written as host or host:port: {shown}"
    if not _PRINTABLE.fullmatch(image):
        return f"docker allows no spaces, quotes or other odd characters in the name of an image: {shown}"
    tagged, at, digest = (rest if has_registry else image).partition("@")
    name, colon, tag = tagged.partition(":")
    if name != name.lower():
        return f"docker allows no capital letters in the name of an image: {name}"
    if not _PATH.fullmatch(name) or len(image) - len(digest) > _MAX_REFERENCE_LENGTH or _is_id(image):
        return f"docker allows no image of that name: {shown}"
    if colon and not _TAG.fullmatch(tag):
        return f"{tag!r} after the colon is no tag: {shown}"
    if at and not _is_digest(digest):
        return f"what follows the @ is no digest, such as sha256: and 64 hexadecimal digits: {shown}"
    return ""


def image_problem_hint(problem: str) -> str:
    """What to do about a problem that `image_problem` found."""
    if "capital letters" in problem:
        return "write it in lower case; only a tag may have them"
    return "for instance: pytorch/pytorch:latest"


def _shown(image: str) -> str:
    return image if len(image) <= 80 else f"{image[:80]}..."


def _is_registry_host(name: str) -> bool:
    port = name.partition(":")[2]
    if port.isdigit() and not 0 < int(port) <= MAX_PORT:
        return False
    return len(name) <= _MAX_REGISTRY_LENGTH and _REGISTRY.fullmatch(name.lower()) is not None


def _is_id(image: str) -> bool:
    """Whether docker would take the name for the id of an image on the host."""
    return _HASH.fullmatch(image.removeprefix("sha256:")) is not None


def _is_digest(text: str) -> bool:
    kind, _, digits = text.partition(":")
    return _HEX.fullmatch(digits) is not None and len(digits) == _DIGESTS.get(kind)


def read_registry(name: str) -> str:
    """The normalized name of a registry: `host` or `host:port` in lower case.

    Raises:
        ValueError: it is not of that form.
    """
    found = name.lower()
    if len(found) > _MAX_REGISTRY_LENGTH or not _REGISTRY.fullmatch(found):
        raise ValueError("a registry is written as host or host:port, such as ghcr.io")
    return DOCKER_HUB if found in _ALSO_HUB else found


def login_problem(user: str, password: str) -> str:
    """Why this login cannot be passed as the line `-u USER -p PASSWORD REGISTRY`; empty if it can.

    A provider may have a shell read that line. The rule is an allow-list: no character of it ends a word, begins an
    option or is expanded.
    """
    if not _USER.fullmatch(user) and user != _FIXED_USER:
        return "the user name has characters that a cloud could misread"
    if len(password) < MIN_PASSWORD_LENGTH:
        return f"the password has fewer than {MIN_PASSWORD_LENGTH} characters"
    if len(password) > MAX_PASSWORD_LENGTH or not _PASSWORD.fullmatch(password):
        return "the password is too long or has characters that a cloud could misread"
    return ""


@dataclass(frozen=True, slots=True)
class ImageLogin:
    """A login at a registry; its three parts pass `login_problem` and `read_registry`."""

    registry: str
    user: str
    password: Secret

    def __post_init__(self) -> None:
        """Refuse an invalid login wherever it comes from: a key file may be edited by hand."""
        problem = login_problem(self.user, self.password.reveal())
        if problem:
            raise ValueError(problem)
        if read_registry(self.registry) != self.registry:
            raise ValueError("the registry's name is not normalized")

    def redactions(self) -> tuple[str, ...]:
        """The forms in which foreign text may contain the password: plain, URL-quoted, docker's base64, in JSON."""
        password = self.password.reveal()
        quoted = "".join(c if c.isalnum() or c in "._-~" else f"%{ord(c):02X}" for c in password)
        encoded = base64.b64encode(f"{self.user}:{password}".encode()).decode()
        return tuple(dict.fromkeys((password, quoted, encoded, password.replace("/", "\\/"))))
