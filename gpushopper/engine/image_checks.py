"""What is refused about an image and its login before anything is written, or a person asked (F105)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.core.model.container_image import image_problem, image_problem_hint, registry_of
from gpushopper.engine.context import Context
from gpushopper.engine.refusals import keyless, no_login
from gpushopper.errors import Refused, UsageError
from gpushopper.secrets import KeyProblem

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

LOGIN_LIMIT_S = 25.0
"""Most that a keyring may take while somebody waits for the answer to a request."""


def refuse_impossible(image: str | None) -> None:
    """Refuse a name that no host's docker would look for.

    Raises:
        UsageError: that name.
    """
    fault = "" if image is None else image_problem(image)
    if fault:
        raise UsageError(fault, image_problem_hint(fault), code="bad_image")


def refuse_unreadable_login(ctx: Context, reconciler: AccountReconciler, image: str | None) -> None:
    """Refuse what could only fail later: the same login is read again for each create (I21).

    Raises:
        Misconfigured: there is no login, or none that can be read now.
        Refused: the cloud takes none.
        UsageError: the image names no registry.
    """
    if reconciler.connection is None:
        raise keyless(reconciler.setup)
    traits = reconciler.connection.traits
    if not traits.takes_image_login:
        text = f"{reconciler.name} takes no login at a registry"
        raise Refused(text, "rent there without --image-login", code="image_login")
    found = ctx.read_login(registry_for(image, traits.default_image), LOGIN_LIMIT_S)
    if isinstance(found, KeyProblem):
        raise no_login(found)


def registry_for(image: str | None, default_image: str) -> str:
    """The registry whose login a rental of this image carries.

    Raises:
        UsageError: the image names none that there could be.
    """
    try:
        return registry_of(image or default_image)
    except ValueError as error:
        raise UsageError(f"{image!r} names no registry to log in at: {error}", code="bad_image") from None
