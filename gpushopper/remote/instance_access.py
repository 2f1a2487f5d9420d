"""Everything the engine may ask of a rented instance. What a host does comes back as a value (I18)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.heartbeat import GuardRenewal, Heartbeat, ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.errors import Misconfigured, ProviderFailed
from gpushopper.paths import Home
from gpushopper.private_files import private_folder, sync
from gpushopper.remote import guard_protocol, heartbeat_probe, ssh_config_file, ssh_keys
from gpushopper.remote.bounded_process import Cut, Limit, Ran, execute
from gpushopper.remote.ssh_command import (
    Connection,
    check_folder,
    connect_to,
    control_path,
    control_paths,
    exit_argv,
    is_pinned,
    pin_path,
)
from gpushopper.remote.ssh_environment import environment
from gpushopper.remote.ssh_errors import OWN_FAILURE, failed_login

CONTROL_LIMIT_S = 5.0


class Remote:
    """The ssh side of one home folder; safe to use from several threads, one look per attempt at a time."""

    def __init__(self, home: Home) -> None:
        self._home = home

    # ---- before there is an instance

    def public_key(self, session_id: str) -> str:
        """The session's public key, its pair durable (I23, D2), in a folder that ssh can use.

        Raises:
            Misconfigured, DiskFull: it could not be made; nothing may be rented.
        """
        check_folder(self._home)
        return ssh_keys.ensure_key(self._home.ssh_keys, session_id)

    def startup(
        self,
        recipe: GuardRecipe,
        session_id: str,
        life_s: int,
        deadline_s: int,
        max_s: int,
        tick_s: int,
        backoff_s: int,
    ) -> str:
        """The boot script that plants this session's key and the guard."""
        key = self.public_key(session_id)
        return guard_protocol.startup_text(recipe, key, life_s, deadline_s, max_s, tick_s, backoff_s)

    # ---- talking to it

    def look(self, login: SshTarget, renewal: GuardRenewal | None, limit_s: float) -> Heartbeat | ProbeFailure:
        """One login and one bounded answer: the guard's status, after a renewal if there is one, and the hardware.

        The first login that brings an answer pins the host's key; from then on another key ends in HOST_KEY (I24).
        """
        pin = pin_path(self._home.ssh_keys, login.attempt_id)
        first = None if is_pinned(pin) else pin.with_suffix(".first")
        try:
            private_folder(pin.parent)
            if first is not None:
                self._forget_first(login, first)
            way = connect_to(self._home, login, first or pin)
            found = self._ask(way, renewal, limit_s)
        except ProviderFailed as error:
            return ProbeFailure(ProbeFailureKind.UNREACHABLE, error.message)
        except Misconfigured as error:
            return ProbeFailure(ProbeFailureKind.LOCAL, error.message)
        except OSError as error:
            return ProbeFailure(
                ProbeFailureKind.LOCAL, f"ssh cannot be used on this computer: {error.strerror or error}"
            )
        return found if first is None else self._settle_pin(way, first, pin, found)

    def _ask(self, way: Connection, renewal: GuardRenewal | None, limit_s: float) -> Heartbeat | ProbeFailure:
        marker = f"gs-{secrets.token_hex(12)}"
        asked = guard_protocol.status_command() if renewal is None else guard_protocol.renew_command(renewal)
        command = way.argv(heartbeat_probe.command(marker, asked))
        done = execute(command, limit_s=limit_s, size_limit=heartbeat_probe.SIZE_LIMIT, environ=environment())
        return judge(done, marker, limit_s)

    def _forget_first(self, login: SshTarget, first: Path) -> None:
        """Start afresh: a key seen without a login proves nothing, and a proxy may answer before the instance does."""
        close(control_path(self._home, login))
        first.unlink(missing_ok=True)

    def _settle_pin(
        self, way: Connection, first: Path, pin: Path, found: Heartbeat | ProbeFailure
    ) -> Heartbeat | ProbeFailure:
        """Keep the key of a first login for good; without one, keep nothing."""
        if isinstance(found, ProbeFailure) and found.kind is not ProbeFailureKind.MALFORMED:
            return found
        try:
            first.chmod(0o600)
            sync(first)
            os.replace(first, pin)
            sync(pin.parent)
        except OSError as error:
            close(way.control)
            return ProbeFailure(ProbeFailureKind.LOCAL, f"its host key could not be stored: {error.strerror or error}")
        return found

    # ---- for the user's own ssh

    def connection(self, login: SshTarget) -> Connection:
        """The exact way to this attempt, for the command line and the user's ssh.

        Raises:
            ProviderFailed: the provider's address is none.
        """
        return connect_to(self._home, login, pin_path(self._home.ssh_keys, login.attempt_id))

    def publish(self, logins: Sequence[tuple[str, SshTarget]]) -> bool:
        """Write the managed ssh configuration for these sessions, by name; whether it changed.

        Raises:
            Misconfigured: it could not be written; it is as it was.
        """
        entries = []
        for name, login in logins:
            with suppress(ProviderFailed):  # an address that is none has no entry
                entries.append(ssh_config_file.Entry(login.session_id, name, self.connection(login)))
        try:
            return ssh_config_file.publish(self._home.ssh_config, entries)
        except OSError as error:
            raise Misconfigured(f"{self._home.ssh_config} could not be written: {error.strerror}") from error

    # ---- afterwards

    def forget_attempt(self, attempt_id: str) -> None:
        """Close the shared connections of an ended attempt, and drop its pinned key: addresses are used again."""
        for control in control_paths(self._home, attempt_id):
            with suppress(OSError):
                close(control)
        pin = pin_path(self._home.ssh_keys, attempt_id)
        for path in (pin, pin.with_suffix(".first")):
            path.unlink(missing_ok=True)

    def known_attempts(self) -> set[str]:
        """The attempts whose hosts' keys are stored here."""
        return {path.stem for ending in ("hosts", "first") for path in self._home.ssh_keys.glob(f"*.{ending}")}

    def prune_keys(self, kept: Collection[str], before_s: float) -> list[str]:
        """Remove the keys of sessions that are not kept and were made before this unix time; the sessions' ids."""
        return ssh_keys.prune(self._home.ssh_keys, kept, before_s)


def close(control: Path | None) -> None:
    """End a shared connection, if there is one."""
    if control is None or not control.exists():
        return
    execute(exit_argv(control), limit_s=CONTROL_LIMIT_S, size_limit=heartbeat_probe.SIZE_LIMIT, environ=environment())
    control.unlink(missing_ok=True)


def judge(done: Ran | Cut, marker: str, limit_s: float) -> Heartbeat | ProbeFailure:
    """What one call of ssh tells about the instance."""
    has_begun = heartbeat_probe.has_begun(done.out, marker)
    if isinstance(done, Cut):
        return _judge_cut(done, marker, limit_s, has_begun)
    if done.status == OWN_FAILURE and not has_begun:
        return failed_login(done.err)
    found = heartbeat_probe.read(done.out, marker, is_complete=True)
    if found is None and done.status == OWN_FAILURE:
        return ProbeFailure(ProbeFailureKind.UNREACHABLE, "the connection was lost in the middle of an answer")
    return found or ProbeFailure(ProbeFailureKind.MALFORMED, "a login, and an answer that is not ours to read")


def _judge_cut(done: Cut, marker: str, limit_s: float, has_begun: bool) -> Heartbeat | ProbeFailure:
    if done.limit is Limit.SIZE:
        return ProbeFailure(
            ProbeFailureKind.MALFORMED, f"more than {heartbeat_probe.SIZE_LIMIT // 1024} kB instead of an answer"
        )
    if not has_begun and not done.out:
        return ProbeFailure(ProbeFailureKind.UNREACHABLE, f"no answer within {limit_s:g} s")
    found = heartbeat_probe.read(done.out, marker, is_complete=False)
    return found or ProbeFailure(ProbeFailureKind.MALFORMED, f"no whole answer within {limit_s:g} s")
