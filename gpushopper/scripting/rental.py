"""Client: offers, plans and rentals from Python, over the daemon's local API; starts the daemon when it is needed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from gpushopper import config
from gpushopper.cli.app import LOCAL
from gpushopper.cli.commands.rent.plan import refuse_over_limit
from gpushopper.cli.input.charging import consumer_of
from gpushopper.cli.output.session_phases import provisioning_error
from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.process.homes import choose_home, chosen_host, prepare
from gpushopper.client import Client as LocalApi
from gpushopper.core.model.money import DOLLAR
from gpushopper.errors import DaemonUnreachable, NotVerified, ShopperError
from gpushopper.paths import find_home
from gpushopper.scripting.command_line import CommandLine
from gpushopper.scripting.session import Session, SessionApi
from gpushopper.scripting.spans import Span, micros
from gpushopper.wire import OfferView, Plan, PlanRequest, ProvisionRequest, SearchRequest

if TYPE_CHECKING:
    from gpushopper.wire import Accepted

READY_LIMIT_S = 900.0
"""How long a rental waits until the session is ready."""


class RentalApi(SessionApi, Protocol):
    """What renting needs of the local API."""

    def plan(self, request: PlanRequest) -> Plan: ...
    def provision(self, request: ProvisionRequest) -> Accepted: ...


def _place_words(*, sandbox: bool) -> tuple[str, ...]:
    """What a command of ours needs, to work where this program does: on this computer."""
    here = ("--host", LOCAL) if chosen_host(None, find_home()) else ()
    return (*("--sandbox",) * sandbox, *here)


class Client:
    """GPU Shopper, from Python. With `sandbox`, everything happens in the simulated clouds on this computer."""

    def __init__(self, *, sandbox: bool = False) -> None:
        self._line = CommandLine(_place_words(sandbox=sandbox))
        home = choose_home(sandbox)
        prepare(sandbox, lambda: self._line.must("daemon", "start"))
        self._home = home
        self.api = LocalApi(home, self._start, self._restart)
        """The local API, a method for each route: for what has no shorter name here."""

    def offers(self, gpu: str | None = None, *, limit: int = 20, **filters: object) -> list[OfferView]:
        """Offers of all clouds, cheapest first; `filters` are fields of `wire.SearchRequest`."""
        return self.api.inventory(SearchRequest(gpu=gpu, limit=limit, **filters)).offers  # type: ignore[arg-type]

    def sessions(self) -> list[Session]:
        """The open sessions, whoever rented them."""
        return [Session(self.api, self._line, each) for each in self.api.sessions(only_open=True).sessions]

    def session(self, name: str) -> Session:
        """The session with this name, id, or beginning of one."""
        return Session(self.api, self._line, self.api.session(name))

    def rent(
        self,
        gpu: str,
        *,
        hours: float = 2,
        gpus: int = 1,
        max_price: float | None = None,
        disk: float = 20,
        region: str | Sequence[str] = (),
        provider: str | None = None,
        image: str | None = None,
        idle: Span | None = None,
        contact: Span | None = None,
        pull: Mapping[str, str | Path] | None = None,
        name: str | None = None,
        consumer: str | None = None,
        tags: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        retries: int = 2,
        allow_unguarded: bool = False,
        timeout_s: float = READY_LIMIT_S,
    ) -> Session:
        """Rent the cheapest offer that fits, and wait until it is ready. This asks nobody: it spends money.

        `max_price` is dollars an hour, `disk` GB, `idle` after how long without use it ends itself, `contact` after how
        long without contact; `pull` maps folders there to folders here, brought home before the end; `consumer` is whom
        it is charged to, by default as `provision` does. Whatever goes wrong before it is ready, it is ended.

        Raises:
            NoOffer: nothing fits.
            Refused: a spending limit, a budget or the balance says no.
            ProviderFailed, NotVerified: it did not become ready (in time).
        """
        charged = consumer_of(consumer, config.load(self._home))
        search = SearchRequest(
            gpu=gpu, exact_gpus=gpus, max_rate=None if max_price is None else round(max_price * DOLLAR), disk_gb=disk,
            regions=[region] if isinstance(region, str) else list(region), provider=provider, limit=3,
        )  # fmt: skip
        asked = PlanRequest(
            search=search, duration_us=micros(timedelta(hours=hours)), image=image, retries=retries, to_rent=True,
            allow_unguarded=allow_unguarded, consumer=charged, tags=dict(tags or {}),
        )  # fmt: skip
        found = plan(self.api, asked)
        request = ProvisionRequest(
            offers=found.offers, disk_gb=found.disk_gb, max_rate=found.max_rate, duration_us=found.duration_us,
            image=found.named_image, retries=found.retries, name=name or f"py-{token_hex(4)}", consumer=charged,
            tags=asked.tags, environment=dict(env or {}), allow_unguarded=allow_unguarded,
            idle_us=None if idle is None else micros(idle), contact_us=None if contact is None else micros(contact),
            pulls=[(there, str(Path(here).absolute())) for there, here in (pull or {}).items()],
        )  # fmt: skip
        return rent(self.api, self._line, request, timeout_s)

    def _start(self, why: str) -> None:
        sys.stderr.write(f"starting the daemon{why and ' '}{why} ...\n")
        self._line.must("daemon", "start")

    def _restart(self, why: str) -> None:
        sys.stderr.write(f"restarting the daemon: {why} ...\n")
        self._line.must("daemon", "restart")


def plan(api: RentalApi, request: PlanRequest) -> Plan:
    """What would be rented.

    Raises:
        NoOffer: nothing fits.
        Refused, Misconfigured: it would be refused.
    """
    found = api.plan(request)
    refuse_over_limit(found)
    return found


def rent(api: RentalApi, line: CommandLine, request: ProvisionRequest, limit_s: float) -> Session:
    """Request the session and wait until it is ready; it is ended if anything goes wrong meanwhile, Ctrl-C too.

    Raises:
        ProviderFailed, Refused, KeyRejected: it failed.
        NotVerified: not ready in time.
    """
    ref = _request(api, request)
    try:
        session = Session(api, line, api.session(ref))
        _await_ready(session, limit_s)
    except BaseException as error:
        _end_after(api, ref, error)
        raise
    return session


def _request(api: RentalApi, request: ProvisionRequest) -> str:
    """The id of the session that was requested."""
    try:
        return api.provision(request).sessions[0]
    except BaseException as error:
        if not isinstance(error, ShopperError) or isinstance(error, DaemonUnreachable):
            # No answer: nothing is ended by its name, which may be another session's.
            error.add_note("The request may have been accepted; see: gpu-shopper ls")
        raise


def _await_ready(session: Session, limit_s: float) -> None:
    try:
        poll(lambda: session.status not in ("pending", "provisioning"), limit_s)
    except WaitTimeout:
        raise NotVerified(f"{session.name} was not ready after {limit_s:.0f} s, and is ended") from None
    if session.view.status != "running":
        raise provisioning_error(session.view, "")


def _end_after(api: RentalApi, ref: str, error: BaseException) -> None:
    """Have it ended without waiting: the daemon sees to it. Of what has ended, this changes nothing."""
    try:
        api.done(ref, "user", lands=False)
    except ShopperError as failed:
        error.add_note(f"It could not be ended ({failed}); its deadline holds. See: gpu-shopper ls")
