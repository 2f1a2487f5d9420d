"""Classify docker's error texts of an image pull: refused by the registry, or a fault of that host (vastai.md 12)."""

from __future__ import annotations

import re

from gpushopper.core.model.container_image import read_registry, registry_of

_REFUSED = re.compile(
    # sentences that only occur in a pull
    r"pull access denied|requested access to the resource is denied|no basic auth credentials"
    r"|unauthorized: authentication required|manifest unknown|manifest for \S+ not found|not found: name unknown"
    r"|name not known to registry|invalid reference format"
    # a registry's bare code, which docker passes on
    r"|(?:error from registry|https?://[^/\s\"]+/v2/[^\s\"]*\"?): (?:denied|unauthorized|name unknown)\b"
    r"|error response from daemon: (?:denied|unauthorized|name unknown):",
    re.IGNORECASE,
)
"""Docker texts that mean: not this image, or not without another login. Neither a host's own fault (`permission
denied`) nor what depends on the host (a pull limit, a forbidden country, a missing architecture)."""
_AFTER_THE_PULL = re.compile(
    r"oci runtime|create (?:shim )?task|nvidia-container-(?:cli|runtime)|mount error|apparmor failed|download failed",
    re.IGNORECASE,
)
"""Texts about a container that is being made, or a layer's download: the registry had already accepted the pull."""
_REGISTRY_URL = re.compile(r"https?://([^/\s\"]+)/v2/", re.IGNORECASE)
_START_FAILURE = re.compile(
    r"oci runtime create failed|error response from daemon|no matching manifest|failed to register layer"
    r"|no space left on device|toomanyrequests|failed to create shim task|nvidia-container-cli"
    r"|(?:^|: )(?:denied|unauthorized)\b",
    re.IGNORECASE,
)
"""Other texts after which a container never starts, whatever the cause."""


def is_image_refused(message: str, image: str | None) -> bool:
    """Whether the image's registry refuses this image with this login; if unsure, it counts as the host's own fault.

    A host may try a mirror first, whose refusal means nothing: a URL in the message must be the registry's own.
    """
    if not _REFUSED.search(message) or _AFTER_THE_PULL.search(message):
        return False
    return all(_is_registry_of(host, image) for host in _REGISTRY_URL.findall(message))


def never_starts(message: str) -> bool:
    """Whether a host has given up on this container."""
    return bool(_REFUSED.search(message) or _START_FAILURE.search(message))


def _is_registry_of(host: str, image: str | None) -> bool:
    try:
        return bool(image) and read_registry(host) == registry_of(image or "")
    except ValueError:
        return False
