"""Keys in the system keyring: starts `keyring_child` for each request, and kills it when the keyring hangs (F105)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gpushopper import clouds
from gpushopper.clouds import Cloud
from gpushopper.core.model.container_image import is_registry
from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured
from gpushopper.paths import BUS_VARIABLE, Home, with_user_bus
from gpushopper.secrets.credential_form import make_credential, unpack
from gpushopper.secrets.key_problems import (
    KeyProblem,
    KeyringFailing,
    KeyringLocked,
    KeyringTimeout,
    KeyringUnavailable,
    KeyUnreadable,
)
from gpushopper.secrets.key_sources import FoundKey

SERVICE = "gpu-shopper"
PROMPT_LIMIT_S = 60.0
"""How long the owner may take to type the password, when a command uses the keyring."""
BACKEND_VARIABLE = "PYTHON_KEYRING_BACKEND"
SWITCHED_OFF = "keyring.backends.fail.Keyring"
"""The keyring library's name for "no keyring"."""

Reply = dict[str, Any]


class KeyringUnusable(Misconfigured):
    """The keyring could not be used; `problem` says why."""

    def __init__(self, problem: KeyProblem) -> None:
        super().__init__(problem.text, problem.hint, code=problem.code)
        self.problem = problem


def entry_name(home: Home, name: str) -> str:
    """The user name of an entry: the provider or registry, in a folder chosen by GPU_SHOPPER_HOME with that folder.

    Such a home may be on another account: with one entry for both, setting a key in one would make the other see a
    foreign account (F45), and a copied home could spend at once.
    """
    return name if home.data != home.config else f"{name}@{os.path.realpath(home.config)}"


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """The text of one entry, whatever it is of, and the keyring's name."""

    secret: Secret
    source: str


@dataclass(slots=True)
class KeyringSource:
    """The keyring as a source of keys, read once for all its entries: name, user name in the keyring.

    With `may_prompt` the owner may be prompted for the password. A daemon never does: it would prompt each minute.
    """

    entries: Mapping[str, str]
    limit_s: float
    may_prompt: bool = False
    _reply: Reply | KeyProblem | None = field(default=None, init=False)

    def lookup(self, cloud: Cloud) -> FoundKey | KeyProblem | None:
        entry = self.find(cloud.name)
        if not isinstance(entry, FoundEntry):
            return entry
        hint, parts = f"run: gpu-shopper keys set {cloud.name}", unpack(cloud, entry.secret)
        found = make_credential(cloud, parts, entry.source, hint, lambda part: f"its {part.title}")
        return found if isinstance(found, KeyProblem) else FoundKey(found, entry.source)

    def find(self, name: str) -> FoundEntry | KeyProblem | None:
        """The secret under one of the names, in whatever form."""
        if self._reply is None:
            self._reply = _call_child("get", list(self.entries.values()), self.limit_s, may_prompt=self.may_prompt)
        if isinstance(self._reply, KeyProblem):
            return _with_command(name, self._reply)
        text = self._reply["keys"].get(self.entries[name])
        return None if text is None else FoundEntry(Secret(text), f"keyring ({self._reply['backend']})")


def look_at_keyring(limit_s: float) -> str | KeyProblem:
    """What keyring there is, as text, and whether it is locked; no entry is read, and nobody is prompted."""
    reply = _call_child("look", [], limit_s, may_prompt=False)
    if isinstance(reply, KeyProblem):
        return reply
    return ", ".join(filter(None, (str(reply["backend"]), str(reply["lock"]).replace("open", "unlocked"))))


def store_in_keyring(home: Home, name: str, secret: Secret, limit_s: float) -> str:
    """Store a key or a password, and read it back; returns the keyring's name.

    Raises:
        KeyringUnusable: it is locked, absent, hung or not to be trusted.
    """
    reply = _call_child("set", [entry_name(home, name)], limit_s, may_prompt=True, secret=secret.reveal())
    return f"keyring ({_or_raise(reply, name)['backend']})"


def remove_from_keyring(home: Home, name: str, limit_s: float, *, may_prompt: bool = True) -> bool:
    """Remove an entry; returns whether there was one.

    Raises:
        KeyringUnusable: it is locked, absent, hung or not to be trusted.
    """
    reply = _call_child("delete", [entry_name(home, name)], limit_s, may_prompt=may_prompt)
    return bool(_or_raise(reply, name)["removed"])


def _or_raise(reply: Reply | KeyProblem, name: str) -> Reply:
    if isinstance(reply, KeyProblem):
        raise KeyringUnusable(_with_command(name, reply))
    return reply


def _with_command(name: str, problem: KeyProblem) -> KeyProblem:
    """The problem, with the command for this provider or registry in its hint."""
    setting = f"{name} --user NAME" if is_registry(name) else name
    return replace(problem, hint=problem.hint.format(name=name, setting=setting))


def _call_child(
    verb: str, users: Sequence[str], limit_s: float, *, may_prompt: bool, secret: str = ""
) -> Reply | KeyProblem:
    environ = child_environment(os.environ)
    excluded = _known_unavailable(environ)
    if excluded is not None:
        return excluded
    most_s = limit_s + (PROMPT_LIMIT_S if may_prompt else 0)
    request = {"verb": verb, "service": SERVICE, "users": users, "limit_s": most_s, "may_prompt": may_prompt}
    line = json.dumps({**request, "secret": secret}) + "\n"
    process = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.secrets.keyring_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environ,
    )
    with process:
        try:
            output, _ = process.communicate(line.encode(), limit_s)
        except subprocess.TimeoutExpired as late:
            output = _wait_for_prompt(process, late.output or b"", may_prompt=may_prompt)
            return _last_answer(output) or _timed_out(limit_s)
    return answer_in(output)


def answer_in(output: bytes) -> Reply | KeyProblem:
    """What a child that has ended answered; one that was ended without an answer is a keyring that fails."""
    return _last_answer(output) or _failed("keyring", "it ended without an answer")


def _wait_for_prompt(process: subprocess.Popen[bytes], output: bytes, *, may_prompt: bool) -> bytes:
    """The child's output in the end: one that has reported "locked" may be waiting for the password."""
    try:
        if output and may_prompt:
            return process.communicate(timeout=PROMPT_LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        pass
    process.kill()
    return output


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: the user's session bus, also under cron or a service, and no key (I21, D16)."""
    held = {variable for cloud in clouds.known().values() for variable in cloud.variables}
    return {
        name: value
        for name, value in with_user_bus(environ).items()
        if name not in held and not name.upper().endswith("_API_KEY")
    }


def _known_unavailable(environ: Mapping[str, str]) -> KeyProblem | None:
    """Why there is nothing to ask: the keyring is switched off, or there is no session bus."""
    if environ.get(BACKEND_VARIABLE) == SWITCHED_OFF:
        return _unavailable(f"{BACKEND_VARIABLE} switches it off")
    if sys.platform == "linux" and not environ.get(BUS_VARIABLE):
        return _unavailable("no session bus")
    return None


def _last_answer(output: bytes) -> Reply | KeyProblem | None:
    """The answer in the last complete line of the output; None without one."""
    lines = output.split(b"\n")[:-1]
    if not lines:
        return None
    reply: Reply = json.loads(lines[-1])
    source = f"keyring ({reply['backend']})" if "backend" in reply else "keyring"
    match reply["state"]:
        case "ok":
            return reply
        case "locked":
            return _locked(source)
        case "absent":
            return _unavailable("nothing on the session bus keeps keys" if sys.platform == "linux" else "there is none")
        case "refused":
            return _not_trusted(reply["setting"], reply["wanted"])
        case _:
            return _failed(source, reply["reason"])


IN_A_FILE = "gpu-shopper keys set {setting} --file"


def _locked(source: str) -> KeyProblem:
    hint = "unlock it: log in to your desktop, or answer its prompt after: gpu-shopper keys test {name}"
    return KeyringLocked(f"the system {source} is locked", hint, source)


def _unavailable(why: str) -> KeyProblem:
    return KeyringUnavailable(
        f"no system keyring can be reached from here: {why}", f"do without one: {IN_A_FILE}", "keyring"
    )


def _timed_out(limit_s: float) -> KeyProblem:
    text = f"the system keyring did not answer within {limit_s:g} s"
    hint = f"end what keeps it (gnome-keyring-daemon, kwalletd) and log in again, or do without: {IN_A_FILE}"
    return KeyringTimeout(text, hint, "keyring")


def _not_trusted(setting: str, wanted: str) -> KeyProblem:
    text = f"{setting} names {wanted}, which does not keep keys safe: it is not used"
    return KeyUnreadable(text, f"remove that setting, or do without a keyring: {IN_A_FILE}", "keyring")


def _failed(source: str, reason: str) -> KeyProblem:
    return KeyringFailing(f"the system {source} fails: {reason}", f"look at it, or do without one: {IN_A_FILE}", source)
