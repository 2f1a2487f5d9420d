"""When the daemon reads API keys again: at start, each minute while a keyring does not answer, on client contact (D15).

Lookups run on threads of their own, because a keyring may block. Where keys are looked for is in account_setup.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import structlog

from gpushopper import clouds, config
from gpushopper.clock import Clock
from gpushopper.config import Config
from gpushopper.daemon.keys import account_setup
from gpushopper.daemon.keys.account_connection import connect_accounts
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured, NotFound, ShopperError
from gpushopper.log import Redactor
from gpushopper.paths import Home

RETRY_S = 60
START_MAX_WAIT_S = 5.0
"""A keyring that takes longer must not delay deadlines: the daemon starts without it, and gets the key later."""
CONTACT_PAUSE_S = 5.0
"""Least time between two lookups that client contacts cause."""
UNDECIDED = frozenset({"asking", "locked", "absent", "hung", "failing"})
"""Key states that do not say whether there is a key: a key in memory stays in use (I11)."""
NON_INTERACTIVE = frozenset({"keyring", "keyring (Secret Service)"})
"""Sources that never prompt the user, so that they can be read each minute."""

_log = structlog.get_logger(__name__)


class KeyWatcher:
    """Keeps what is known of each account's key, and reports changes. Thread-safe; `warn` shows a line to a person."""

    def __init__(self, home: Home, clock: Clock, redactor: Redactor, warn: Callable[[str], None]) -> None:
        self._home = home
        self._clock = clock
        self._redactor = redactor
        self._warn = warn
        self._lock = threading.Lock()
        self._setups: dict[str, AccountSetup] = {}
        self._on_change: Callable[[AccountSetup], None] | None = None
        self._unreported: list[AccountSetup] = []
        self._lookups = 0
        self._applied_lookup: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._last_lookup_s = clock.monotonic()
        self._open_at: Callable[[], Collection[str]] = frozenset

    # ---- start

    def start(self, settings: Config, open_at: Callable[[], Collection[str]] = frozenset) -> list[AccountSetup]:
        """Every account, for an engine that is about to start; one whose keyring is slow has key state `asking`.

        `open_at` names, at any time and on any thread, the clouds where something of ours is open.
        """
        self._open_at = open_at
        quick = self._connect(settings, None, quick=True)
        self._setups = {each.provider: each for each in quick}
        unknown = [each.provider for each in quick if each.key_state == "missing"]
        if unknown and settings.keys.keyring:
            for name in unknown:
                self._setups[name] = _pending(self._setups[name])
            self._start_lookup(unknown).join(START_MAX_WAIT_S)
        with self._lock:
            self._unreported.clear()
            found = list(self._setups.values())
        for each in found:
            self._warn_if_unusable(each)
        return found

    def subscribe(self, on_change: Callable[[AccountSetup], None]) -> None:
        """Call this with every changed account from now on, and with those that have changed since `start`."""
        with self._lock:
            self._on_change = on_change
            for each in self._unreported:
                on_change(each)

    # ---- later

    def setup(self, name: str) -> AccountSetup:
        """An account as it was last read, which may be newer than what the engine uses.

        Raises:
            NotFound: there is no such account.
        """
        with self._lock:
            found = self._setups.get(name)
        if found is None:
            known = f"known: {', '.join(self._setups)}"
            raise NotFound(f"no account is called {name!r}", known, code="provider_not_found")
        return found

    def keyless(self) -> list[str]:
        """Providers without a usable key."""
        with self._lock:
            return [name for name, each in self._setups.items() if each.client is None]

    def held(self) -> list[str]:
        """Providers whose key is in use: a restart from elsewhere could lose it."""
        with self._lock:
            return [name for name, each in self._setups.items() if each.client is not None]

    def keyless_header(self) -> list[str]:
        """The same for clients: an unused one with its variables, which tell a client that it has a key of it."""
        unused = self._unused()
        return [f"{name}={'+'.join(clouds.get(name).variables)}" if name in unused else name for name in self.keyless()]

    def _unused(self) -> set[str]:
        """Clouds that nobody uses: no key, not named, nothing open there, while another cloud has a key."""
        with self._lock:
            setups = list(self._setups.values())
        if all(each.client is None for each in setups):
            return set()
        unused = {each.provider for each in setups if each.key_state == "missing" and not each.is_named}
        return unused - {*self._open_at()} if unused else unused

    def retry(self) -> None:
        """Look again, on a thread, for keys that could not be read; a periodic job."""
        with self._lock:
            undecided = [each for each in self._setups.values() if each.key_state in UNDECIDED]
        names = [each.provider for each in undecided if each.key_source in NON_INTERACTIVE]
        if names:
            self._start_lookup(names)

    def on_client_contact(self) -> None:
        """A client has called, so a user may be present: look again, on a thread, for every missing key."""
        names = self.keyless()
        if names and self._clock.monotonic() - self._last_lookup_s >= CONTACT_PAUSE_S:
            self._start_lookup(names)

    def reload(self) -> None:
        """Read every key again, and return when they are in use; one that cannot be read now is kept (I11).

        Raises:
            Misconfigured: the settings cannot be read, or name an account that this process does not have.
            Refused: they combine a sandbox policy with a real provider.
        """
        with self._lock:
            self._lookups += 1
            number = self._lookups
        settings = _load_settings(self._home)
        for text in account_setup.warnings_about(settings):
            self._warn(text)
        found = self._connect(settings, None)
        self._apply(number, found)
        with self._lock:
            new = [each.provider for each in found if each.provider not in self._setups]
        if new:
            text = f"{' and '.join(new)} {'is' if len(new) == 1 else 'are'} new in the configuration"
            raise Misconfigured(text, "run: gpu-shopper daemon restart", code="new_account")

    # ---- one lookup

    def _start_lookup(self, names: Collection[str]) -> threading.Thread:
        """The thread of the lookup that is running, or of a new one."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self._thread
            self._lookups += 1
            self._last_lookup_s = self._clock.monotonic()
            self._thread = threading.Thread(
                target=partial(self._look_up, self._lookups, names), name="keys", daemon=True
            )
            self._thread.start()
            return self._thread

    def _look_up(self, number: int, names: Collection[str]) -> None:
        try:
            settings, unused = _load_settings(self._home), self._unused() & {*names}
            self._apply(number, self._connect(settings, {*names} - unused))
            # No keyring is asked at every contact for what nobody uses: `keys set` reads all of them again.
            self._apply(number, self._connect(settings, unused, quick=True))
        except ShopperError as error:
            _log.warning("keys cannot be looked up", code=error.code, text=error.message)
        finally:
            self._last_lookup_s = self._clock.monotonic()

    def _connect(self, settings: Config, names: Collection[str] | None, *, quick: bool = False) -> list[AccountSetup]:
        sources = account_setup.quick_sources(self._home) if quick else account_setup.key_sources(self._home, settings)
        return connect_accounts(settings, sources, self._clock, self._redactor, self._warn, only=names)

    def _apply(self, number: int, found: list[AccountSetup]) -> None:
        """Keep and report what has changed; of two overlapping lookups, the one that began later wins."""
        with self._lock:
            for each in found:
                former = self._setups.get(each.provider)
                is_outdated = number < self._applied_lookup.get(each.provider, 0)
                if former is None or is_outdated or not has_changed(former, each):
                    _close(each)
                    continue
                self._applied_lookup[each.provider] = number
                changed = _keep_connection(former, each)
                self._setups[each.provider] = changed
                # Under the lock, so that the engine gets changes in order.
                (self._on_change or self._unreported.append)(changed)
                self._warn_if_unusable(changed)

    def _warn_if_unusable(self, setup: AccountSetup) -> None:
        if setup.key_state not in ("ok", "missing"):
            self._warn(f"{setup.provider}: {setup.key_problem}")


def _load_settings(home: Home) -> Config:
    settings = config.load(home)
    account_setup.choose_policy(settings)
    return settings


def _pending(setup: AccountSetup) -> AccountSetup:
    text = "the system keyring has not answered yet"
    return replace(setup, key_state="asking", key_problem=text, key_hint="wait for it: gpu-shopper status")


def is_same_key(former: AccountSetup, found: AccountSetup) -> bool:
    """Whether the key that was found is the one in use, at the same endpoint: then its client stays (I11)."""
    known = (former.credential, former.endpoint)
    return found.credential is not None and known == (found.credential, found.endpoint)


def _keep_connection(former: AccountSetup, found: AccountSetup) -> AccountSetup:
    """What was found, with the client in use where the key is the same: its calls in flight go on."""
    if not is_same_key(former, found):
        return found
    _close(found)
    return replace(found, client=former.client)


def has_changed(former: AccountSetup, found: AccountSetup) -> bool:
    """Whether what was found replaces what is in use: a key in memory gives way to a sure answer only (I11)."""
    if former.client is not None:
        return found.key_state not in UNDECIDED
    return found.client is not None or (found.key_state, found.key_problem) != (
        former.key_state,
        former.key_problem,
    )


def _close(setup: AccountSetup) -> None:
    if setup.client is not None:
        setup.client.close()
