"""Which home folder a command works in: the user's own, or the practice market's inside it (S26, S27)."""

from __future__ import annotations

import os

from gpushopper.client.home_owner import check_home
from gpushopper.paths import HOME_VARIABLE, Home, find_home, with_user_bus


def choose_home(practice: bool) -> Home:
    """The user's home, or with `--sandbox` the complete home of the practice market in it.

    Raises:
        Misconfigured: it is another user's, or cannot be used.
    """
    home = find_home()
    check_home(home)
    if not practice:
        return home
    inner = Home(data=home.sandbox, config=home.sandbox)
    check_home(inner)
    return inner


def environment(home: Home) -> dict[str, str]:
    """The variables of a child process that works in this home.

    A practice home gets none of the user's keys and settings: a real key has no business on a practice market, and
    an endpoint or policy of the environment would stand above what the market wrote into its home. Any other one gets
    the user's session bus, which cron does not name (D16).
    """
    variables = with_user_bus(os.environ)
    if (home.data / "market").is_dir():
        variables = {name: value for name, value in variables.items() if not _is_ours(name)}
    if home.data == home.config:
        variables[HOME_VARIABLE] = str(home.data)
    return variables


def _is_ours(name: str) -> bool:
    return name.startswith("GPU_SHOPPER_") or name.endswith("_API_KEY")
