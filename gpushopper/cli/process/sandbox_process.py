"""The practice market as a process: started, asked over its control socket, given a home with its address and key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from gpushopper import errors
from gpushopper.cli.polling import Out, poll
from gpushopper.cli.process.daemon_process import is_alive, open_private, read_line
from gpushopper.client import Client, JsonObject
from gpushopper.client.http_exchange import NotConnected, exchange
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.private_files import write_private

if TYPE_CHECKING:
    from gpushopper.cli.app import App

START_LIMIT_S = 30.0
CALL_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
JOIN_LIMIT_S = 5.0
POLICIES = {"paper": "drill", "live": "drill-live"}
"""What a daemon in this home demands before a hand-over: on paper there is no ssh and no guard to ask for (S1)."""

CANNOT_CONTAIN = 6
"""The market's exit status when live instances were asked for and cannot be contained here."""


class MarketAway(errors.ShopperError):
    """The practice market is not running."""

    exit_code = 5
    code = "market_unreachable"


def ask(home: Home, method: str, path: str, body: Mapping[str, Any] | None = None) -> JsonObject:
    """One call of the market's control surface.

    Raises:
        MarketAway: no market runs for this home.
        UsageError: the market refuses the request.
    """
    socket = str(home.data / "market" / "control.sock")
    if len(os.fsencode(socket)) > SOCKET_LIMIT:
        raise errors.Misconfigured(f"the socket path is longer than {SOCKET_LIMIT} bytes: {socket}")
    payload = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Connection": "close"}
    try:
        answer = exchange(socket, method, quote(path), headers, payload, CALL_LIMIT_S)
    except (NotConnected, TimeoutError) as error:
        raise MarketAway("the practice market is not running", "start it: gpu-shopper sandbox start") from error
    found = cast(JsonObject, json.loads(answer.content, object_hook=JsonObject))
    if answer.status >= 400:
        refusal = str((found.get("error") or {}).get("message", f"refused ({answer.status})"))
        raise errors.UsageError(refusal, "see: gpu-shopper sandbox --help")
    return found


def running(home: Home) -> JsonObject | None:
    """The market's status, None when it does not run."""
    try:
        return ask(home, "GET", "/status")
    except MarketAway:
        return None


def ensure_market(app: App) -> None:
    """Start the market of this home unless it runs."""
    if running(app.home) is None:
        app.note("starting the practice market ...")
        try:
            start(app.home, [], app.note)
        except MarketAway:
            if not _another_started(app.home):
                raise


def _another_started(home: Home) -> bool:
    """Whether another command started the market at the same moment, and has written its home."""
    try:
        poll(lambda: running(home) is not None and home.key_file.exists(), JOIN_LIMIT_S)
    except Out:
        return False
    return True


def start(home: Home, words: list[str], note: Callable[[str], None]) -> JsonObject:
    """Start the market's process, wait until its dialects answer, and write the home's settings and keys.

    A daemon that still runs here is told where the market answers now; a change of address is said with `note`.
    """
    # Both folders by themselves: `parents` would make the outer one with the umask's mode.
    try:
        for folder in (home.data.parent, home.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.Misconfigured(
            f"{home.data} cannot be made: {error.strerror}",
            "set GPU_SHOPPER_HOME to a folder that can be written",
            code="read_only",
        ) from error
    complaints = home.data / "market.log"
    with open_private(complaints) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gpushopper.sandbox", "--home", str(home.data), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    assert process.stdout is not None
    with process.stdout as pipe:
        line = read_line(pipe.fileno(), START_LIMIT_S)
    try:
        status = cast(JsonObject, json.loads(line, object_hook=JsonObject))
    except ValueError as error:
        why = _last(complaints.read_text())
        if not line and process.wait() == CANNOT_CONTAIN:
            raise errors.Refused(why, "paper instances work everywhere: gpu-shopper sandbox start") from error
        raise MarketAway(f"the practice market did not start: {why}") from error
    before = _endpoints(home)
    write_settings(home, status)
    none = JsonObject()
    moved = [name for name, former in before.items() if former != status.dialects.get(name, none).get("url", former)]
    for name in moved:
        note(f"{before[name]} was taken by another program: {name} now answers at {status.dialects[name].url}")
    if moved:
        _tell_daemon(home, note)
    return status


def _endpoints(home: Home) -> dict[str, str]:
    """Where this home's clouds answered last, as its settings say."""
    try:
        found = tomllib.loads(home.config_file.read_text()).get("providers", {})
        return {name: str(given["endpoint"]) for name, given in found.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}


def _tell_daemon(home: Home, note: Callable[[str], None]) -> None:
    """Have a running daemon read its settings again: at the old address nothing could be ended any more."""
    try:
        Client(home).reload_keys()
    except errors.DaemonUnreachable:
        return  # none runs: the next one reads the new settings
    except errors.ShopperError as error:
        note(f"the daemon does not follow: {error.message}; restart it: gpu-shopper --sandbox daemon restart")


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def write_settings(home: Home, status: JsonObject) -> None:
    """Make the folder an ordinary home: endpoints and policy in its settings, the market's keys in its key file.

    The user's keyring has no part in it: practice keys do not belong there, and real ones are not read for practice.
    """
    settings = [f'[policy]\nname = "{POLICIES[status.instances_are]}"\n', "[keys]\nkeyring = false\n"]
    keys = []
    for name, dialect in status.dialects.items():
        settings.append(f'[providers.{name}]\nendpoint = "{dialect.url}"\n')
        keys.append(f'[{name}]\napi_key = "{dialect["keys"]["api_key"]}"\n')
    write_private(home.config_file, _merged(home, settings))
    write_private(home.key_file, "\n".join(keys) + _logins(home))


def _logins(home: Home) -> str:
    """The logins at registries that were stored in this home: they stand last in its key file."""
    kept = home.key_file.read_text() if home.key_file.exists() else ""
    _, found, logins = f"\n{kept}".partition("\n[registry.")
    return f"\n[registry.{logins}" if found else ""


def _merged(home: Home, settings: list[str]) -> str:
    """Our sections first; what the user added to this home below the mark stays."""
    mark = "# Yours from here on.\n"
    kept = ""
    if home.config_file.exists():
        _, found, kept = home.config_file.read_text().partition(mark)
        kept = kept if found else ""
    ours = "# Written by `gpu-shopper sandbox start`, each time.\n\n" + "\n".join(settings)
    return f"{ours}\n{mark}{kept}"


def stop(home: Home) -> bool:
    """Stop the market and wait until it is gone; whether it ran."""
    status = running(home)
    if status is None:
        return False
    ask(home, "POST", "/stop")
    try:
        poll(lambda: running(home) is None and not is_alive(status.pid), STOP_LIMIT_S)
    except Out as out:
        raise errors.NotVerified("the practice market was asked to stop and is still there") from out
    return True


def read_ledger(home: Home) -> JsonObject:
    """What the market really billed; also while no market runs (S26)."""
    try:
        return ask(home, "GET", "/ledger")
    except MarketAway as away:
        done = subprocess.run(
            [sys.executable, "-m", "gpushopper.sandbox", "ledger", "--home", str(home.data)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=START_LIMIT_S,
            cwd="/",
            check=False,
        )
        if done.returncode:
            raise errors.NotFound(
                _last(done.stderr.decode(errors="replace")), "start one: gpu-shopper sandbox start"
            ) from away
        return cast(JsonObject, json.loads(done.stdout, object_hook=JsonObject))
