"""Choose the home folder of a command: the user's, or the sandbox's inside it; environment of child processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from gpushopper.client.home_owner import check_home
from gpushopper.paths import HOME_VARIABLE, Home, find_home, with_user_bus


def choose_home(use_sandbox: bool) -> Home:
    """The user's home, or with `--sandbox` the sandbox's own home inside it (S26, S27).

    Raises:
        Misconfigured: it belongs to another user, or cannot be used.
    """
    home = find_home()
    check_home(home)
    if not use_sandbox:
        return home
    inner = Home(data=home.sandbox, config=home.sandbox)
    check_home(inner)
    return inner


def prepare(use_sandbox: bool, start_sandbox: Callable[[], object]) -> None:
    """Start the sandbox before its home is used; a real home needs no preparation."""
    if use_sandbox:
        start_sandbox()


def installation_of(home: Home) -> str:
    """The installation id in this home's labels; empty where it has none yet. Read without a daemon."""
    try:
        found = json.loads(home.installation_file.read_text(encoding="utf-8"))
        return str(found["installation"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def environment(home: Home) -> dict[str, str]:
    """The environment of a child process that uses this home.

    In a sandbox's home the user's keys and settings are left out: a real key must not reach the sandbox, and an
    endpoint or policy from the environment would override the sandbox's settings. Otherwise the user's session bus,
    which cron does not set, is added (D16).
    """
    variables = with_user_bus(os.environ)
    if (home.data / "market").is_dir():
        variables = {name: value for name, value in variables.items() if not _is_our_variable(name)}
    if home.data == home.config:
        variables[HOME_VARIABLE] = str(home.data)
    return variables


def _is_our_variable(name: str) -> bool:
    from gpushopper import clouds  # only where a process is started in a sandbox

    held = (variable for cloud in clouds.known().values() for variable in cloud.variables)
    return name.startswith("GPU_SHOPPER_") or name.endswith("_API_KEY") or name in held
