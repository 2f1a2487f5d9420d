"""The accounts' keys: read at the start, and again while one cannot be read, in threads that block nothing (D15)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import structlog

from gpushopper import config
from gpushopper.clock import Clock
from gpushopper.config import Config
from gpushopper.daemon.keys import account_setup
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import ShopperError
from gpushopper.log import Redactor
from gpushopper.paths import Home

RETRY_S = 60
START_MAX_WAIT_S = 5.0
"""A keyring that takes longer must not keep deadlines waiting: the daemon starts, and hears it later."""
CONTACT_PAUSE_S = 5.0
UNDECIDED = frozenset({"asking", "locked", "absent", "hung"})
"""What says nothing about whether there is a key: a key in memory stays in use (I11)."""
NON_INTERACTIVE = frozenset({"keyring", "keyring (Secret Service)"})
"""Sources that can be asked again each minute; any other may put its prompt before the user each time."""

_log = structlog.get_logger(__name__)


class KeyWatcher:
    """What is known about each account's key. Thread-safe; `warn` shows a line to a person."""

    def __init__(self, home: Home, clock: Clock, redactor: Redactor, warn: Callable[[str], None]) -> None:
        self._home = home
        self._clock = clock
        self._redactor = redactor
        self._warn = warn
        self._lock = threading.Lock()
        self._setups: dict[str, AccountSetup] = {}
        self._told: Callable[[AccountSetup], None] | None = None
        self._news: list[AccountSetup] = []
        self._looks = 0
        self._heard: dict[str, int] = {}
        self._thread: threading.Thread | None = None
        self._looked_s = clock.monotonic()

    # ---- start

    def start(self, settings: Config) -> list[AccountSetup]:
        """Every account, for an engine that is about to start; one whose keyring is slow is `asking`."""
        quick = self._connect(settings, None, quick=True)
        self._setups = {each.provider: each for each in quick}
        unknown = [each.provider for each in quick if each.key_state == "missing"]
        if unknown and settings.keys.keyring:
            for name in unknown:
                self._setups[name] = _asking(self._setups[name])
            self._begin(unknown).join(START_MAX_WAIT_S)
        with self._lock:
            self._news.clear()
            found = list(self._setups.values())
        for each in found:
            self._complain(each)
        return found

    def tell(self, told: Callable[[AccountSetup], None]) -> None:
        """Hand every later change to the engine."""
        with self._lock:
            self._told = told
            for each in self._news:
                told(each)

    # ---- later

    def keyless(self) -> list[str]:
        """Providers that nothing can be asked of now."""
        with self._lock:
            return [name for name, each in self._setups.items() if each.connection is None]

    def retry(self) -> None:
        """Look again, on a thread, for keys that could not be read; the job of each minute."""
        with self._lock:
            undecided = [each for each in self._setups.values() if each.key_state in UNDECIDED]
        names = [each.provider for each in undecided if each.key_source in NON_INTERACTIVE]
        if names:
            self._begin(names)

    def contact(self) -> None:
        """A person is there: look again, on a thread, for every key that we do not have."""
        names = self.keyless()
        if names and self._clock.monotonic() - self._looked_s >= CONTACT_PAUSE_S:
            self._begin(names)

    def reload(self) -> None:
        """Read every key again, and return when they are in use; one that cannot be read now is kept (I11).

        Raises:
            Misconfigured: the settings cannot be read.
            Refused: they combine practice with a real provider.
        """
        with self._lock:
            self._looks += 1
            number = self._looks
        self._take(number, self._connect(_settings(self._home), None))

    # ---- one look

    def _begin(self, names: Collection[str]) -> threading.Thread:
        """The look under way, or a new one."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self._thread
            self._looks += 1
            self._looked_s = self._clock.monotonic()
            self._thread = threading.Thread(target=partial(self._look, self._looks, names), name="keys", daemon=True)
            self._thread.start()
            return self._thread

    def _look(self, number: int, names: Collection[str]) -> None:
        try:
            self._take(number, self._connect(_settings(self._home), names))
        except ShopperError as error:
            _log.warning("keys cannot be looked for", code=error.code, text=error.message)
        finally:
            self._looked_s = self._clock.monotonic()

    def _connect(self, settings: Config, names: Collection[str] | None, *, quick: bool = False) -> list[AccountSetup]:
        sources = account_setup.quick_sources(self._home) if quick else account_setup.key_sources(self._home, settings)
        return account_setup.connect_accounts(settings, sources, self._clock, self._redactor, self._warn, only=names)

    def _take(self, number: int, found: list[AccountSetup]) -> None:
        """Tell what is new; of two looks that overlapped, the one that began later is right."""
        with self._lock:
            for each in found:
                former = self._setups.get(each.provider)
                is_late = number < self._heard.get(each.provider, 0)
                if former is None or is_late or not _is_news(former, each):
                    _drop(each)
                    continue
                self._heard[each.provider] = number
                news = _in_use(former, each)
                self._setups[each.provider] = news
                # Under the lock: the engine must not hear two looks in the wrong order.
                (self._told or self._news.append)(news)
                self._complain(news)

    def _complain(self, setup: AccountSetup) -> None:
        if setup.key_state not in ("ok", "missing"):
            self._warn(f"{setup.provider}: {setup.key_problem}")


def _settings(home: Home) -> Config:
    settings = config.load(home)
    account_setup.choose_policy(settings)
    return settings


def _asking(setup: AccountSetup) -> AccountSetup:
    text = "the system keyring has not answered yet"
    return replace(setup, key_state="asking", key_problem=text, key_hint="wait for it: gpu-shopper status")


def is_same_key(former: AccountSetup, found: AccountSetup) -> bool:
    """Whether the key that was found is the one in use, at the same address: then its connection stays (I11)."""
    return found.key is not None and (former.key, former.endpoint) == (found.key, found.endpoint)


def _in_use(former: AccountSetup, found: AccountSetup) -> AccountSetup:
    """What was found, with the connection in use where the key is the same: nothing under way may be lost."""
    if not is_same_key(former, found):
        return found
    _drop(found)
    return replace(found, connection=former.connection)


def _is_news(former: AccountSetup, found: AccountSetup) -> bool:
    if former.connection is not None:
        return found.key_state not in UNDECIDED
    return found.connection is not None or (found.key_state, found.key_problem) != (
        former.key_state,
        former.key_problem,
    )


def _drop(setup: AccountSetup) -> None:
    if setup.connection is not None:
        setup.connection.close()
