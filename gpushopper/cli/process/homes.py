"""Choose the home folder of a command: the user's, or the sandbox's inside it; environment of child processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from gpushopper.cli.app import LOCAL
from gpushopper.client.home_owner import check_home
from gpushopper.errors import UsageError
from gpushopper.paths import HOME_VARIABLE, Home, find_home, with_user_bus

HOST_VARIABLE = "GPU_SHOPPER_HOST"


def choose_home(use_sandbox: bool, host: str | None = LOCAL) -> Home:
    """The user's home; with `--sandbox` the sandbox's own home inside it (S26, S27), with `--host` a server's.

    Raises:
        Misconfigured: it belongs to another user, or cannot be used.
        UsageError: what `host` says is no server, or the sandbox is wanted too.
    """
    home = find_home()
    check_home(home)
    if use_sandbox and host not in (None, LOCAL):
        raise UsageError("--sandbox is on this computer, and --host another one", "leave one of them out")
    if not use_sandbox:
        server = chosen_host(host, home)
        return _home_for(home, server) if server else home
    inner = Home(data=home.sandbox, config=home.sandbox)
    check_home(inner)
    return inner


def chosen_host(given: str | None, home: Home, environ: Mapping[str, str] | None = None) -> str:
    """The server of the option, else of the variable, else of the settings; empty for this computer's own daemon.

    Raises:
        Misconfigured: the settings cannot be read.
    """
    variables = os.environ if environ is None else environ
    text = given if given is not None else variables.get(HOST_VARIABLE) or _from_settings(home)
    return "" if text == LOCAL else text


def _from_settings(home: Home) -> str:
    """Most commands need no setting: the file is parsed only where it can have this one."""
    try:
        if b"client" not in home.config_file.read_bytes():
            return ""
    except OSError:
        return ""
    from gpushopper import config

    return config.load(home, {}).client.host or ""


def _home_for(home: Home, server: str) -> Home:
    from gpushopper.cli.process.lab.hosts import home_for  # only where a server is used

    return home_for(home, server)


def elsewhere(name: str, use_sandbox: bool) -> tuple[str, str] | None:
    """What to say of a session that only the other home has, and what to do; None where it has none of that name.

    The other home is the sandbox's, with `use_sandbox` the user's. Its daemon is neither asked nor started: the file of
    names that it keeps for shells is read.
    """
    from gpushopper.client.kept_names import names_in  # only where a name was not found

    own = find_home()
    inner = Home(data=own.sandbox, config=own.sandbox)
    if name not in names_in(own if use_sandbox else inner, "open", "ended"):
        return None
    if use_sandbox:
        return f"{name} is no session of the sandbox, but one outside it", "leave --sandbox out"
    return f"{name} is a session of the sandbox", f"see: gpu-shopper --sandbox get {name}"


def prepare(use_sandbox: bool, start_sandbox: Callable[[], object]) -> None:
    """Start the sandbox before its home is used; a real home needs no preparation."""
    if use_sandbox:
        start_sandbox()


def refuse_sandbox(use_sandbox: bool, what: str) -> None:
    """Refuse a command that only the user's own home has; `what` ends the sentence about the sandbox.

    Raises:
        UsageError: with `--sandbox`.
    """
    if use_sandbox:
        raise UsageError(f"with --sandbox {what}", "leave out --sandbox")


def refuse_server(home: Home) -> None:
    """Refuse to run, start or stop a daemon or a job of one for a server: that is its owner's, there.

    Raises:
        UsageError: it is the home of a server.
    """
    if home.host:
        text = f"with --host {home.host} no daemon is started, stopped or asked for a job here"
        raise UsageError(text, "log in to the server for that, as the daemon's user")


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

    Raises:
        UsageError: it is the home of a server, where no process of ours has any business.
    """
    refuse_server(home)
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
