"""The client of the daemon's local API: one method per route; starts or restarts the daemon, retries a request.

Standard library only. Responses are annotated with the dataclasses of gpushopper.wire, but arrive as `JsonObject`: the
decoded JSON with its fields as attributes. Building those dataclasses would cost every command 25 ms.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

from gpushopper import __version__, errors
from gpushopper.client.busy_retry import BusyRetry, is_busy
from gpushopper.client.daemon_version import VERSION_HEADER, is_newer, is_older, refuse_unknown, version_of
from gpushopper.client.http_exchange import ListenQueueFull, NotConnected, Response, check_socket, exchange
from gpushopper.client.json_object import JsonObject
from gpushopper.client.money_requests import MoneyRequests
from gpushopper.client.record_requests import RecordRequests
from gpushopper.paths import Home
from gpushopper.wire.api import routes
from gpushopper.wire.api.routes import READ_LIMIT_S, Answer, Body, Query, Route

if TYPE_CHECKING:
    from gpushopper import wire

__all__ = ["Client", "JsonObject"]

# Copies of names in gpushopper.wire, so that reading commands need not import it; a test compares them.
PROTOCOL = 2
REQUEST_HEADER = "X-Request-ID"
IDEMPOTENCY_HEADER = "Idempotency-Key"
KEYLESS_HEADER = "X-Gpu-Shopper-Keyless"

MAX_STARTS = 3
"""How often one call may start a daemon that is not running or was killed meanwhile (S20)."""

Starter = Callable[[str], None]
"""Starts the daemon; the argument is the reason, for the line on stderr."""
KeylessRestarter = Callable[[list[str]], bool]
"""Restarts a daemon that lacks these providers' keys if this process finds one of them; whether it did."""


class Client(MoneyRequests, RecordRequests):
    """One method per route of the local API."""

    def __init__(
        self,
        home: Home,
        start: Starter | None = None,
        restart: Starter | None = None,
        restart_keyless: KeylessRestarter | None = None,
        on_wait: Callable[[], None] | None = None,
        on_older: Callable[[str], None] | None = None,
    ) -> None:
        self.home = home
        self._on_wait = on_wait
        """Called once when a busy daemon makes a request wait for more than a moment."""
        self._on_older = on_older
        """Called once when an older daemon is used, because it is in the middle of something; with the reason."""
        self._start, self._restart, self._restart_keyless = start, restart, restart_keyless

    # ---- market

    def inventory(self, search: wire.SearchRequest) -> wire.Inventory:
        """What the market offers for these requirements."""
        query: list[tuple[str, Any]] = []
        for name, value in _body(search).items():
            many = value if isinstance(value, list) else [] if value is None else [value]
            query += [(name, item) for item in many]
        return self._ask(routes.INVENTORY, query=query)

    def plan(self, request: wire.PlanRequest) -> wire.Plan:
        """What would be rented, and the most it can cost."""
        return self._ask(routes.PLAN, body=_body(request))

    # ---- sessions

    def provision(self, request: wire.ProvisionRequest) -> wire.Accepted:
        """Request a session on one of a plan's offers."""
        return self._ask(routes.PROVISION, body=_body(request))

    def sessions(self, *, consumer: str = "", status: str = "", only_open: bool = False) -> wire.Sessions:
        """List sessions."""
        query = [("consumer", consumer), ("status", status), ("open", "1" if only_open else "")]
        return self._ask(routes.SESSIONS, query=query)

    def session(self, ref: str) -> wire.SessionView:
        """One session by name, id or unique prefix."""
        return self._ask(routes.SESSION, ref)

    def connection(self, ref: str) -> wire.ConnectionView:
        """How to log in to the instance of the session with this name or id."""
        return self._ask(routes.CONNECTION, ref)

    def provider_log(self, ref: str, tail: int) -> wire.ProviderLog:
        """The container log of a session, from the provider."""
        return self._ask(routes.PROVIDER_LOG, ref, query=[("tail", tail)])

    def done(self, ref: str, reason: str, *, lands: bool = False) -> wire.Accepted:
        """End the session with this name or id; with `lands`, pull what it should bring home first."""
        return self._ask(routes.DONE, ref, body={"reason": reason} | ({"lands": True} if lands else {}))

    def delete(self, ref: str) -> wire.Accepted:
        """End the session with this name or id at once."""
        return self._ask(routes.DELETE, ref)

    def extend(
        self, ref: str, *, add_us: int | None = None, deadline_at: int | None = None, dry_run: bool = False
    ) -> wire.SessionView:
        """Move the deadline of the session with this name or id, or only show what would become of it."""
        body = {"add_us": add_us, "deadline_at": deadline_at} | ({"dry_run": True} if dry_run else {})
        return self._ask(routes.EXTEND, ref, body=body)

    def forget(self, ref: str, typed: list[str] | None = None) -> wire.ForgetView:
        """Forget the session with this name or id by the ids that were typed; with None only what would be."""
        return self._ask(routes.FORGET, ref, body={"typed": typed})

    def adopt(self, request: wire.AdoptRequest) -> wire.AdoptView:
        """Make an instance that a person names a session, or only show it."""
        return self._ask(routes.ADOPT, body=_body(request))

    def restart(self, ref: str, *, dry_run: bool = False) -> wire.Accepted:
        """Restart the instance of the session with this name or id, or only check that its cloud can."""
        return self._ask(routes.RESTART, ref, body={"dry_run": True} if dry_run else {})

    def set_limits(self, ref: str, request: wire.LimitsRequest) -> wire.SessionView:
        """Change the limits that may end the session with this name or id early."""
        return self._ask(routes.SET_LIMITS, ref, body=_body(request))

    def set_tags(self, ref: str, tags: Mapping[str, str], remove: Sequence[str]) -> wire.SessionView:
        """Give the session with this name or id tags, and take others away."""
        return self._ask(routes.SET_TAGS, ref, body={"tags": dict(tags), "remove": list(remove)})

    def allow_run_end(self, ref: str, run: str, request: wire.RunEndRequest) -> wire.SessionView:
        """Record that the end of this run may end the session, before it is started there."""
        return self._ask(routes.ALLOW_RUN_END, ref, run, body=_body(request))

    def withdraw_run_end(self, ref: str, run: str) -> wire.SessionView:
        """The end of this run may not end the session any more."""
        return self._ask(routes.WITHDRAW_RUN_END, ref, run)

    def why(self, ref: str, *, replay: bool = False) -> wire.WhyView:
        """What would end a session and when, and what is known of its use."""
        return self._ask(routes.WHY, ref, query=[("replay", "1" if replay else "")])

    def loads(self, steps: int, step_s: int) -> wire.Loads:
        """How busy the GPUs of open sessions were in the last steps, each of so many seconds."""
        return self._ask(routes.LOADS, query=[("steps", steps), ("step_s", step_s)])

    def keep_outputs(self, ref: str) -> wire.KeptOutputs:
        """Fetch the outputs of a session's runs now; what fails is said in the answer."""
        return self._ask(routes.KEEP_OUTPUTS, ref)

    def landed(self, ref: str, request: wire.LandedRequest) -> wire.LandedAnswer:
        """Say that its user has pulled these folders; whether that is all the session waits for."""
        return self._ask(routes.LANDED, ref, body=_body(request))

    def shutdown(self, reason: str) -> wire.Accepted:
        """End every session."""
        return self._ask(routes.SHUTDOWN, body={"reason": reason})

    # ---- reports

    def events(self, *, after: int = 0, limit: int = 200, session: str = "") -> wire.Events:
        """The history after a cursor."""
        return self._ask(routes.EVENTS, query=[("after", after), ("limit", limit), ("session", session)])

    def alarms(self) -> wire.Alarms:
        """Open alarms."""
        return self._ask(routes.ALARMS)

    def channels(self) -> wire.Channels:
        """Where alerts are sent."""
        return self._ask(routes.CHANNELS)

    def test_channel(self, name: str) -> wire.ChannelTest:
        """Send a test message over a channel, and wait for its receiver."""
        return self._ask(routes.TEST_CHANNEL, name)

    def acknowledge(self, alarm_id: int | None) -> wire.Acknowledged:
        """Acknowledge one alarm, or all with None."""
        return self._ask(routes.ACKNOWLEDGE, body={"alarm_id": alarm_id})

    def status(self) -> wire.DaemonStatus:
        """The daemon, its jobs and its accounts."""
        return self._ask(routes.STATUS)

    def providers(self) -> wire.Providers:
        """The accounts and whether they answer."""
        return self._ask(routes.PROVIDERS)

    def audit(self) -> wire.Audit:
        """Every instance on the accounts, compared with the local records."""
        return self._ask(routes.AUDIT)

    # ---- the daemon itself

    def reload_keys(self) -> wire.Providers:
        """Have the daemon read the keys again."""
        return self._ask(routes.RELOAD_KEYS)

    def same_account(self, provider: str, typed: list[str] | None = None) -> wire.SameAccountView:
        """Trust the key of an account by the ids that were typed; with None only what would be trusted."""
        return self._ask(routes.SAME_ACCOUNT, body={"provider": provider, "typed": typed})

    def key_environment(self) -> wire.KeyEnvironment:
        """Providers without and with (`held`) a key in the daemon, and the variables that decide where it looks."""
        return self._ask(routes.KEY_ENVIRONMENT)

    def stop(self) -> wire.Stopping:
        """Stop the daemon; sessions go on."""
        return self._ask(routes.STOP)

    def is_up(self) -> bool:
        """Whether a daemon is running; never starts one."""
        try:
            self._send_once(routes.HEALTH.method, routes.HEALTH.path, {}, None, 5.0)
        except NotConnected:
            return False
        except ListenQueueFull:
            return True
        return True

    # ---- one request

    def _ask(
        self,
        route: Route[Query, Body, Answer],
        *parts: str,
        query: list[tuple[str, Any]] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        kept = [(name, value) for name, value in query or () if value not in ("", None)]
        target = _path(route.path, parts) + (f"?{urlencode(kept)}" if kept else "")
        return cast("Answer", self._request(route.method, target, body=body, limit_s=route.limit_s))

    def _request(
        self, method: str, target: str, *, body: Mapping[str, Any] | None = None, limit_s: float = READ_LIMIT_S
    ) -> JsonObject:
        """Send one request; start or restart the daemon where needed, and retry with the same idempotency key."""
        headers = _headers(method)
        payload = None if body is None else json.dumps(body).encode()
        for left in range(MAX_STARTS, -1, -1):
            try:
                response = self._send(method, target, headers, payload, limit_s)
            except NotConnected as not_connected:
                self._start_daemon(not_connected, left)
                continue
            if left and (self._restarted_outdated(response) or self._restarted_keyless(response)):
                continue
            refuse_unknown(response)
            return _decode(response)
        raise errors.DaemonUnreachable("the daemon does not stay up", self._log_hint())

    def _send(
        self, method: str, target: str, headers: Mapping[str, str], payload: bytes | None, limit_s: float
    ) -> Response:
        """Send one request, and repeat it while the daemon is busy (busy_retry.py)."""
        retry = BusyRetry(limit_s, self._on_wait)
        while True:
            try:
                response = self._send_once(method, target, headers, payload, limit_s)
            except ListenQueueFull as queue_full:
                if retry.wait():
                    continue
                raise errors.DaemonUnreachable(
                    "too many commands use the daemon at once", "try again in a minute"
                ) from queue_full
            if not is_busy(response) or not retry.wait():
                return response

    def _send_once(
        self, method: str, target: str, headers: Mapping[str, str], payload: bytes | None, limit_s: float
    ) -> Response:
        try:
            return exchange(check_socket(self.home), method, target, headers, payload, limit_s)
        except TimeoutError as error:
            raise errors.DaemonUnreachable(
                f"the daemon did not answer within {limit_s:.0f} s", "see: gpu-shopper daemon status"
            ) from error

    def _start_daemon(self, cause: NotConnected, left: int) -> None:
        if self._start is None:
            raise errors.DaemonUnreachable("no daemon is running", "start it: gpu-shopper daemon start") from cause
        if not left:
            raise errors.DaemonUnreachable("the daemon does not stay up", self._log_hint()) from cause
        self._start("" if left == MAX_STARTS else "again")

    def _log_hint(self) -> str:
        return f"see: {self.home.log}"

    def _restarted_outdated(self, response: Response) -> bool:
        """Restart an older daemon (S21) that is in the middle of nothing; refuse one that we would misread (F99)."""
        version = version_of(response)
        if is_newer(response):
            self._check_protocol(version)
        if self._restart is None or not is_older(response):
            return False
        busy = self._health().get("in_progress", [])
        if busy:
            self._tell_older(f"the daemon is version {version} and is replaced later: {', '.join(busy)}")
            return False
        self._restart(f"it is version {version}, this is {__version__}")
        return True

    def _tell_older(self, text: str) -> None:
        tell, self._on_older = self._on_older, None
        if tell is not None:
            tell(text)

    def _restarted_keyless(self, response: Response) -> bool:
        """Restart a daemon that lacks keys which are found here; tried once per client."""
        lacking = _keyless(response.headers.get(KEYLESS_HEADER.lower(), ""))
        if not lacking or self._restart_keyless is None:
            return False
        restart, self._restart_keyless = self._restart_keyless, None
        return restart(lacking)

    def _health(self) -> JsonObject:
        return _decode(self._send("GET", routes.HEALTH.path, _headers("GET"), None, READ_LIMIT_S))

    def _check_protocol(self, version: str) -> None:
        if int(self._health().get("protocol", PROTOCOL)) > PROTOCOL:
            raise errors.DaemonUnreachable(
                f"the running daemon is version {version}, and this command, {__version__}, cannot read its responses",
                "update this command, or stop that daemon",
            )


def _keyless(header: str) -> list[str]:
    """The providers whose key a daemon lacks and we may have; of an unused one (`toy=TOY_ID+TOY_TOKEN`) only where one
    of its variables is set here, so that a cloud that nobody uses costs no command anything."""
    items = [item.partition("=") for item in header.split(",") if item]
    return [
        name
        for name, _, variables in items
        if not variables or any(os.environ.get(variable) for variable in variables.split("+"))
    ]


def _headers(method: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Connection": "close",
        VERSION_HEADER: __version__,
        REQUEST_HEADER: str(uuid.uuid4()),
    }
    if method != "GET":
        headers[IDEMPOTENCY_HEADER] = str(uuid.uuid4())
    return headers


def _body(request: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(request)


def _path(template: str, parts: Sequence[str]) -> str:
    """A route's path with these parts in the place of its braces, each encoded, slashes too."""
    left = iter(parts)
    return "/".join(quote(next(left), safe="") if each.startswith("{") else each for each in template.split("/"))


def _decode(found: Response) -> JsonObject:
    try:
        response = json.loads(found.content or b"{}", object_hook=JsonObject)
    except ValueError as error:
        raise errors.ShopperError("the daemon's response is not JSON") from error
    if not isinstance(response, JsonObject):
        raise errors.ShopperError("the daemon's response is not an object")
    if found.status < 400:
        return response
    raise error_from_response(response.get("error"), found.status)


def error_from_response(error: Any, status: int = 500) -> errors.ShopperError:
    """The error in a response, as the exception class that the daemon raised."""
    if not isinstance(error, dict):
        return errors.ShopperError(f"the daemon answered with status {status}")
    texts = [str(error.get(name) or "") for name in ("code", "message", "hint")]
    exit_code = error.get("exit")
    return errors.from_wire(texts[0], texts[1], texts[2], exit_code if isinstance(exit_code, int) else 1)
