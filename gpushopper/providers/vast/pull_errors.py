"""What a host's docker says of a pull: a registry's own no, or a error_kind of that host's (vastai.md 12)."""

from __future__ import annotations

import re

from gpushopper.core.model.container_image import read_registry, registry_of

_REFUSED = re.compile(
    # sentences that only a pull has
    r"pull access denied|requested access to the resource is denied|no basic auth credentials"
    r"|unauthorized: authentication required|manifest unknown|manifest for \S+ not found|not found: name unknown"
    r"|name not known to registry|invalid reference format"
    # a registry's bare code, where docker passes on what it heard
    r"|(?:error from registry|https?://[^/\s\"]+/v2/[^\s\"]*\"?): (?:denied|unauthorized|name unknown)\b"
    r"|error response from daemon: (?:denied|unauthorized|name unknown):",
    re.IGNORECASE,
)
"""Docker texts that say: not this image, or not without another login. Neither a host's own error_kind (`permission
denied`) nor what depends on where it asks from (a pull limit, a forbidden country, a missing architecture)."""
_AFTER_THE_PULL = re.compile(
    r"oci runtime|create (?:shim )?task|nvidia-container-(?:cli|runtime)|mount error|apparmor failed|download failed",
    re.IGNORECASE,
)
"""What names a container that is being made, or a layer's store, is past the registry's answer."""
_ASKED = re.compile(r"https?://([^/\s\"]+)/v2/", re.IGNORECASE)
_START_FAILURE = re.compile(
    r"oci runtime create failed|error response from daemon|no matching manifest|failed to register layer"
    r"|no space left on device|toomanyrequests|failed to create shim task|nvidia-container-cli"
    r"|(?:^|: )(?:denied|unauthorized)\b",
    re.IGNORECASE,
)
"""Other texts after which a container never starts, whoever is to blame."""


def image_is_refused(message: str, image: str | None) -> bool:
    """Whether the image's registry gave it to nobody who asks like this; any doubt is the host's own error_kind.

    A host may ask a mirror first, whose no says nothing of the registry: an address must be the registry's own.
    """
    if not _REFUSED.search(message) or _AFTER_THE_PULL.search(message):
        return False
    return all(_is_asked_for(host, image) for host in _ASKED.findall(message))


def never_starts(message: str) -> bool:
    """Whether a host has given up on this container."""
    return bool(_REFUSED.search(message) or _START_FAILURE.search(message))


def _is_asked_for(host: str, image: str | None) -> bool:
    try:
        return bool(image) and read_registry(host) == registry_of(image or "")
    except ValueError:
        return False
