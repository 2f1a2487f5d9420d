"""Checks of a container image and its registry login, made before anything is written or confirmed (F105)."""

from __future__ import annotations

from gpushopper.core.cloud import Traits
from gpushopper.core.model.container_image import image_problem, image_problem_hint, registry_of
from gpushopper.engine.context import Context
from gpushopper.engine.requests.refusals import no_login
from gpushopper.errors import Refused, UsageError
from gpushopper.providers.base import Provider
from gpushopper.secrets import KeyProblem

LOGIN_LIMIT_S = 25.0
"""How long a keyring may take while a request waits for its response."""


def refuse_invalid_image(image: str | None) -> None:
    """Refuse an image name that docker would refuse on every host.

    Raises:
        UsageError: the name is invalid.
    """
    fault = "" if image is None else image_problem(image)
    if fault:
        raise UsageError(fault, image_problem_hint(fault), code="bad_image")


def readable_registry(ctx: Context, client: Provider, image: str | None) -> str:
    """The registry whose stored login a create of this image carries, once that login could be read.

    May wait for a keyring: never call it inside a transaction. Each create reads the login again (I21).

    Raises:
        Misconfigured: no login is stored, or it cannot be read now.
        Refused: the provider takes no registry login.
        UsageError: the image names no registry.
    """
    traits = client.traits
    refuse_login_at(traits)
    registry = _registry_of(image or traits.catalogue.default_image)
    found = ctx.read_login(registry, LOGIN_LIMIT_S)
    if isinstance(found, KeyProblem):
        raise no_login(found)
    return registry


def refuse_login_at(traits: Traits) -> None:
    """Refuse a registry login for a cloud that takes none.

    Raises:
        Refused: it takes none.
    """
    if not traits.catalogue.takes_image_login:
        text = f"{traits.name} takes no login at a registry"
        raise Refused(text, "rent there without --image-login", code="image_login")


def _registry_of(image: str) -> str:
    try:
        return registry_of(image)
    except ValueError as error:
        raise UsageError(f"{image!r} names no registry to log in at: {error}", code="bad_image") from None
