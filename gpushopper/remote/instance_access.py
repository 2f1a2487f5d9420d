"""The engine's InstanceAccess over ssh: probe, pin the host key at first login, write keys and ssh config (I18).

What the host does comes back as a value, not as an exception.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from gpushopper.core.cloud import EndingKind, Traits
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded
from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.heartbeat import GuardRenewal, Heartbeat, ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.errors import Misconfigured, ProviderFailed, ShopperError
from gpushopper.paths import Home
from gpushopper.private_files import private_folder, sync
from gpushopper.remote import (
    boot_script,
    guard_protocol,
    heartbeat_probe,
    landing,
    ssh_config_file,
    ssh_environment,
    ssh_keys,
)  # fmt: skip
from gpushopper.remote.agent import parts
from gpushopper.remote.bounded_process import run_bounded
from gpushopper.remote.planting import member_keys
from gpushopper.remote.probe_outcome import read_outcome
from gpushopper.remote.run_outputs.keeping import keep_outputs
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

CONTROL_LIMIT_S = 5.0
FETCHES_AT_ONCE = 2
"""Each may hold some 80 MB while it fetches a long output."""


class InstanceAccess:
    """The ssh side of one home folder; safe to use from several threads, one probe per attempt at a time."""

    def __init__(self, home: Home, load_programs: Callable[[], parts.Programs] = parts.load_programs) -> None:
        self._home = home
        self._load_programs = load_programs
        self._fetches = threading.BoundedSemaphore(FETCHES_AT_ONCE)

    @cached_property
    def _programs(self) -> parts.Programs:
        return self._load_programs()

    # ---- before the create

    def public_key(self, session_id: str) -> str:
        """The session's public key; its pair is on the disk (I23, D2), in a folder that ssh can use.

        Raises:
            Misconfigured, DiskFull: it could not be made, so no create may be sent.
        """
        check_folder(self._home)
        return ssh_keys.ensure_key(self._home.ssh_keys, session_id)

    def boot_script(
        self,
        recipe: GuardRecipe | None,
        traits: Traits,
        session_id: str,
        life_s: int,
        deadline_s: int,
        max_s: int,
        tick_s: int,
        backoff_s: int,
        environment: Mapping[str, str],
    ) -> str:
        """The boot script: it installs the guard, this session's public key and the user's variables."""
        key = self.public_key(session_id)
        return boot_script.write_boot_script(
            recipe, key, life_s, deadline_s, max_s, tick_s, backoff_s,
            planting=traits.planting, max_length=traits.limits.max_startup_length, environment=environment,
            ends_bill=traits.ending.kind is not EndingKind.POWEROFF_ONLY,
            member_key=member_keys.kept(self._home.ssh_keys, session_id),
        )  # fmt: skip

    # ---- the probe

    def parts_digest(self) -> str:
        """The version of the programs that are brought to instances."""
        return self._programs.digest

    def probe(
        self,
        login: SshTarget,
        renewal: GuardRenewal | None,
        limit_s: float,
        plant: str = "",
        limits: str = "",
        hook: str = "",
    ) -> Heartbeat | ProbeFailure:
        """Log in once: send the renewal if there is one, then read the guard's report and the hardware.

        Where no guard answers, `plant` installs one first, if it is not empty. `limits`: agent, upkeep and this line of
        limits are brought there by the same login, with the user's `hook` where there is one; empty: nothing is.

        The first login with an answer pins the host key; from then on another key gives HOST_KEY (I24).
        """
        pin = pin_path(self._home.ssh_keys, login.attempt_id)
        first = None if is_pinned(pin) else pin.with_suffix(".first")
        try:
            private_folder(pin.parent)
            if first is not None:
                self._drop_first_pin(login, first)
            connection = connect_to(self._home, login, first or pin)
            found = self._run_probe(connection, renewal, limit_s, plant, (limits, hook))
        except ProviderFailed as error:
            return ProbeFailure(ProbeFailureKind.UNREACHABLE, error.message)
        except Misconfigured as error:
            return ProbeFailure(ProbeFailureKind.LOCAL, error.message)
        except OSError as error:
            return ProbeFailure(
                ProbeFailureKind.LOCAL, f"ssh cannot be used on this computer: {error.strerror or error}"
            )
        return found if first is None else self._keep_first_pin(connection, first, pin, found)

    def _run_probe(
        self, connection: Connection, renewal: GuardRenewal | None, limit_s: float, plant: str, brought: tuple[str, str]
    ) -> Heartbeat | ProbeFailure:
        limits, hook = brought
        marker = f"gs-{secrets.token_hex(12)}"
        guard_lines = guard_protocol.status_command() if renewal is None else guard_protocol.renew_command(renewal)
        if plant:
            guard_lines = guard_protocol.plant_command(plant, guard_lines)
        bring_lines = parts.bring_command(limits, with_hook=bool(hook)) if limits else ""
        command = connection.argv(heartbeat_probe.probe_command(marker, guard_lines, bring_lines))
        environ, stdin = ssh_environment.environment(), self._programs.packed(hook) if limits else b""
        size = heartbeat_probe.SIZE_LIMIT
        done = run_bounded(command, limit_s=limit_s, size_limit=size, environ=environ, stdin=stdin)
        return read_outcome(done, marker, limit_s)

    def _drop_first_pin(self, login: SshTarget, first: Path) -> None:
        """Drop a host key that was seen without a login: a proxy may answer before the instance does."""
        close_shared_connection(control_path(self._home, login))
        first.unlink(missing_ok=True)

    def _keep_first_pin(
        self, connection: Connection, first: Path, pin: Path, found: Heartbeat | ProbeFailure
    ) -> Heartbeat | ProbeFailure:
        """Pin the host key of the first login; if there was no login, pin nothing."""
        if isinstance(found, ProbeFailure) and found.kind is not ProbeFailureKind.MALFORMED:
            return found
        try:
            first.chmod(0o600)
            sync(first)
            os.replace(first, pin)
            sync(pin.parent)
        except OSError as error:
            close_shared_connection(connection.control)
            return ProbeFailure(ProbeFailureKind.LOCAL, f"its host key could not be stored: {error.strerror or error}")
        return found

    # ---- before the end

    def land(
        self,
        login: SshTarget,
        order: LandingOrder,
        must_stop: Callable[[], bool],
        report: Callable[[LandingProgress], None],
    ) -> Landed | NotLanded:
        """Bring its results home, and tell the instance; what failed says why."""
        try:
            connection = self.connection(login)
        except ShopperError as error:
            return NotLanded(error.message)
        ssh, environ = tuple(connection.argv()), ssh_environment.environment()
        return landing.land(ssh, environ, order, must_stop, report)

    def keep_outputs(self, login: SshTarget, now: int, limit_s: float) -> KeptNow:
        """Fetch the outputs of an instance's runs, and keep them here (E8); `now` is wall µs.

        Never the first login: where no host key is pinned, nothing is fetched.
        """
        pin = pin_path(self._home.ssh_keys, login.attempt_id)
        try:
            if not is_pinned(pin):
                return KeptNow(problem="nobody has logged in there yet")
            if not self._fetches.acquire(timeout=limit_s):
                return KeptNow(problem="too many outputs are being fetched")
            try:
                return keep_outputs(self._home, connect_to(self._home, login, pin), login.session_id, now, limit_s)
            finally:
                self._fetches.release()
        except (ProviderFailed, Misconfigured) as error:
            return KeptNow(problem=error.message)
        except OSError as error:
            return KeptNow(problem=f"it cannot be kept on this computer: {error.strerror or error}")

    # ---- for the user's ssh

    def connection(self, login: SshTarget) -> Connection:
        """How to connect to this attempt, for the command line and the user's ssh.

        Raises:
            ProviderFailed: the provider gave an invalid address.
        """
        return connect_to(self._home, login, pin_path(self._home.ssh_keys, login.attempt_id))

    def write_ssh_config(self, logins: Sequence[tuple[str, SshTarget]]) -> bool:
        """Write the managed ssh configuration for these sessions, by name; whether it changed.

        Raises:
            Misconfigured: it could not be written; the old file stays.
        """
        entries = []
        for name, login in logins:
            with suppress(ProviderFailed):  # an invalid address has no entry
                entries.append(ssh_config_file.Entry(login.session_id, name, self.connection(login)))
        try:
            return ssh_config_file.write_ssh_config(self._home.ssh_config, entries)
        except OSError as error:
            raise Misconfigured(f"{self._home.ssh_config} could not be written: {error.strerror}") from error

    # ---- after the end

    def forget_attempt(self, attempt_id: str) -> None:
        """Close the shared connections of an ended attempt, and drop its pinned host key: addresses are reused."""
        for control in control_paths(self._home, attempt_id):
            with suppress(OSError):
                close_shared_connection(control)
        pin = pin_path(self._home.ssh_keys, attempt_id)
        for path in (pin, pin.with_suffix(".first")):
            path.unlink(missing_ok=True)

    def pinned_attempts(self) -> set[str]:
        """The attempts with a stored host key."""
        return {path.stem for suffix in ("hosts", "first") for path in self._home.ssh_keys.glob(f"*.{suffix}")}

    def prune_keys(self, kept: Collection[str], before_s: float) -> list[str]:
        """Remove ssh keys made before this unix time whose sessions are not in `kept`; returns the sessions' ids."""
        return ssh_keys.prune(self._home.ssh_keys, kept, before_s)


def close_shared_connection(control: Path | None) -> None:
    """End a shared (multiplexed) ssh connection, if there is one."""
    if control is None or not control.exists():
        return
    environ = ssh_environment.environment()
    run_bounded(exit_argv(control), limit_s=CONTROL_LIMIT_S, size_limit=heartbeat_probe.SIZE_LIMIT, environ=environ)
    control.unlink(missing_ok=True)
