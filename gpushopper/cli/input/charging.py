"""Whom a session is charged to, and its tags: `--consumer`, `--tag`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpushopper.errors import UsageError

if TYPE_CHECKING:
    from gpushopper.config import Config

CHARGING = (
    click.option(
        "-c", "--consumer", "--consumer-id", "consumer", metavar="NAME",
        help="Consumer to charge (default: your user name).",
    ),
    click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag it, to group its costs by."),
)  # fmt: skip


UNNAMED = "me"
"""On a lab server: whoever the server knows this user as."""


def consumer_of(given: str | None, config: Config, host: str = "") -> str:
    """The consumer of the option, else of the settings, else the user; for a server's daemon, whom it knows us as."""
    if host:
        return given or UNNAMED
    from gpushopper.client.home_owner import own_name

    return given or config.provision.consumer or own_name()


def read_tags(given: tuple[str, ...]) -> dict[str, str]:
    """The tags of the options.

    Raises:
        UsageError: one is not `key=value`, or a key is given twice.
    """
    from gpushopper.core.spending.tags import tags_problem

    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or key in found:
            raise UsageError(f"--tag {text} is not KEY=VALUE, or given twice", "write --tag paper=neurips")
        found[key] = value
    if fault := tags_problem(found):
        raise UsageError(fault, "write --tag paper=neurips")
    return found
