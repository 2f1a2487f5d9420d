"""Spawn and stop the sandbox process, call its control socket, and write its settings and keys into its home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from gpushopper import clouds, errors, toml_text
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process.daemon_process import is_alive, open_private, read_line
from gpushopper.client import Client, JsonObject
from gpushopper.client.http_exchange import NotConnected, exchange
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.private_files import changing, write_private

if TYPE_CHECKING:
    from gpushopper.cli.app import App

START_LIMIT_S = 30.0
CALL_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
JOIN_LIMIT_S = 5.0
POLICIES = {"paper": "drill", "live": "drill-live"}
"""The daemon's policy by kind of instance: a simulated one has no ssh and no guard to wait for (S1)."""

CANNOT_CONTAIN = 6
"""The sandbox's exit status where live instances were requested and cannot be contained on this computer."""


class SandboxUnreachable(errors.ShopperError):
    """The sandbox is not running."""

    exit_code = 5
    code = "sandbox_unreachable"


def call_control_api(home: Home, method: str, path: str, body: Mapping[str, Any] | None = None) -> JsonObject:
    """Send one request to the sandbox's control socket.

    Raises:
        SandboxUnreachable: no sandbox runs in this home.
        UsageError: the sandbox refuses the request.
    """
    socket = str(home.data / "market" / "control.sock")
    if len(os.fsencode(socket)) > SOCKET_LIMIT:
        raise errors.Misconfigured(f"the socket path is longer than {SOCKET_LIMIT} bytes: {socket}")
    payload = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Connection": "close"}
    try:
        answer = exchange(socket, method, quote(path), headers, payload, CALL_LIMIT_S)
    except (NotConnected, TimeoutError) as error:
        raise SandboxUnreachable("the sandbox is not running", "start it: gpu-shopper sandbox start") from error
    found = cast(JsonObject, json.loads(answer.content, object_hook=JsonObject))
    if answer.status >= 400:
        refusal = str((found.get("error") or {}).get("message", f"refused ({answer.status})"))
        raise errors.UsageError(refusal, "see: gpu-shopper sandbox --help")
    return found


def running_status(home: Home) -> JsonObject | None:
    """The sandbox's status; None if it does not run."""
    try:
        return call_control_api(home, "GET", "/status")
    except SandboxUnreachable:
        return None


def refuse_while_running(home: Home) -> None:
    """Refuse to remove the home that a sandbox which runs is in.

    Raises:
        Refused: it runs.
    """
    if running_status(Home(data=home.sandbox, config=home.sandbox)) is not None:
        raise errors.Refused("the sandbox runs", "gpu-shopper sandbox stop", code="sandbox_runs")


def ensure_sandbox(app: App) -> None:
    """Start the sandbox of this home unless it runs."""
    if running_status(app.home) is None:
        app.note("starting the sandbox ...")
        try:
            start(app.home, [], app.note)
        except SandboxUnreachable:
            if not _another_started(app.home):
                raise


def _another_started(home: Home) -> bool:
    """Whether another command started the sandbox at the same moment, and has written its settings."""
    try:
        poll(lambda: running_status(home) is not None and home.key_file.exists(), JOIN_LIMIT_S)
    except WaitTimeout:
        return False
    return True


def start(home: Home, words: list[str], note: Callable[[str], None]) -> JsonObject:
    """Spawn the sandbox process, wait until its clouds answer, and write the home's settings and keys.

    If an address has changed, it is printed with `note`, and a running daemon reads its settings again.
    """
    _make_folders(home)
    log_file = home.data / "market.log"
    with open_private(log_file) as log:
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
        why = _last_line(log_file.read_text())
        if not line and process.wait() == CANNOT_CONTAIN:
            raise errors.Refused(why, "simulated instances work everywhere: gpu-shopper sandbox start") from error
        raise SandboxUnreachable(f"the sandbox did not start: {why}") from error
    before = _endpoints(home)
    try:
        write_settings(home, status)
    except errors.Misconfigured:
        stop(home)  # else the next start would find it running, and write nothing
        raise
    none = JsonObject()
    moved = [name for name, former in before.items() if former != status.dialects.get(name, none).get("url", former)]
    for name in moved:
        note(f"{before[name]} was taken by another program: {name} now answers at {status.dialects[name].url}")
    if moved:
        _reload_daemon_settings(home, note)
    return status


def _make_folders(home: Home) -> None:
    # Each folder by itself: `parents=True` ignores `mode` for the outer one.
    try:
        for folder in (home.data.parent, home.data):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.Misconfigured(
            f"{home.data} cannot be made: {error.strerror}",
            "set GPU_SHOPPER_HOME to a folder that can be written",
            code="read_only",
        ) from error


def _endpoints(home: Home) -> dict[str, str]:
    """The clouds' addresses according to this home's settings."""
    try:
        found = tomllib.loads(home.config_file.read_text()).get("providers", {})
        return {name: str(given["endpoint"]) for name, given in found.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}


def _reload_daemon_settings(home: Home, note: Callable[[str], None]) -> None:
    """Make a running daemon read its settings again: at the old address it could not end anything any more."""
    try:
        Client(home).reload_keys()
    except errors.DaemonUnreachable:
        return  # none runs; the next one reads the new settings
    except errors.ShopperError as error:
        restart = "gpu-shopper --sandbox daemon restart"
        note(f"the daemon still uses the old address: {error.message}; restart it: {restart}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"


def write_settings(home: Home, status: JsonObject) -> None:
    """Write endpoints and policy into the home's settings, and the sandbox's keys into its key file.

    The user's keyring is switched off there: it holds real keys, and no key of the sandbox belongs into it. A cloud
    that the sandbox simulates and no adapter can use is left out: in the settings it would be a misspelt name.

    Raises:
        Misconfigured: the key file must be changed by hand first; nothing is written.
    """
    settings = [f'[policy]\nname = "{POLICIES[status.instances_are]}"\n', "[keys]\nkeyring = false\n"]
    served: dict[str, dict[str, str | None]] = {}
    for name, dialect in status.dialects.items():
        cloud = clouds.find(name)
        if cloud is None:
            continue
        settings.append(f'[providers.{name}]\nendpoint = "{dialect.url}"\n')
        served[name] = {part.name: dialect["keys"].get(part.name) for part in cloud.credential}
    with changing(home.key_file):
        keys = _with_keys(home, served)
        write_private(home.config_file, _merged(home, settings))
        write_private(home.key_file, keys)


def _with_keys(home: Home, served: Mapping[str, Mapping[str, str | None]]) -> str:
    """The home's key file with the keys of these clouds; every other table stays as it is written.

    Those are further accounts' keys, registry logins, and keys of clouds that are not served now: what was rented there
    bills on.

    Raises:
        Misconfigured: the file must be changed by hand first. Nothing of it is quoted: it holds keys.
    """
    try:
        # Line ends are kept.
        text = home.key_file.read_bytes().decode() if home.key_file.exists() else ""
        expected = tomllib.loads(text)
        for name, parts in served.items():
            text = toml_text.set_table(text, (name,), parts, before="registry")
            table = {field: given for field, given in expected.get(name, {}).items() if field not in parts}
            expected[name] = table | {field: given for field, given in parts.items() if given is not None}
        is_right = tomllib.loads(text) == expected
    except (ValueError, AttributeError):
        is_right = False
    if not is_right:
        hint = "repair it or move it away, then: gpu-shopper sandbox start"
        text = f"{home.key_file} is written in a form that can only be changed by hand"
        raise errors.Misconfigured(text, hint, code="key_file")
    return text.rstrip("\n") + "\n"


def _merged(home: Home, settings: list[str]) -> str:
    """The settings file: our sections, then everything below the mark, which belongs to the user."""
    mark = "# Yours from here on.\n"
    kept = ""
    if home.config_file.exists():
        _, found, kept = home.config_file.read_text().partition(mark)
        kept = kept if found else ""
    ours = "# Written by `gpu-shopper sandbox start`, each time.\n\n" + "\n".join(settings)
    return f"{ours}\n{mark}{kept}"


def stop(home: Home) -> bool:
    """Stop the sandbox and wait until its process has ended; returns whether it ran."""
    status = running_status(home)
    if status is None:
        return False
    call_control_api(home, "POST", "/stop")
    try:
        poll(lambda: running_status(home) is None and not is_alive(status.pid), STOP_LIMIT_S)
    except WaitTimeout as timeout:
        raise errors.NotVerified("the sandbox was requested to stop and still runs") from timeout
    return True


def read_ledger(home: Home) -> JsonObject:
    """The sandbox's ledger; read from its files if it does not run (S26)."""
    try:
        return call_control_api(home, "GET", "/ledger")
    except SandboxUnreachable as unreachable:
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
                _last_line(done.stderr.decode(errors="replace")), "start one: gpu-shopper sandbox start"
            ) from unreachable
        return cast(JsonObject, json.loads(done.stdout, object_hook=JsonObject))


def containment_problem() -> str:
    """Why no live instance could run on this computer; empty where one can. Tries it in a folder of its own."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gpu-shopper-") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "gpushopper.sandbox", "contain", "--home", folder],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=START_LIMIT_S, cwd="/", check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "a live instance did not start in time"
    return _last_line(done.stderr.decode(errors="replace")) or "it failed" if done.returncode else ""
