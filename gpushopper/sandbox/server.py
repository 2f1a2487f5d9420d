"""The sandbox process: starts and stops the servers of dialects and control surface, locks the home, saves state."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cheroot import wsgi

from gpushopper.sandbox.clock import SandboxClock
from gpushopper.sandbox.control import Control, create_control
from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faulty_server import FaultyServer
from gpushopper.sandbox.live.containment_check import containment_problem
from gpushopper.sandbox.live.instance.host_files import read_log
from gpushopper.sandbox.live.supervisor_pool import SupervisorPool
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.market.simulated_log import simulated_log
from gpushopper.sandbox.persistence import MARKET_FILE, NewerMarket, SandboxState, load_state, new_state, save_state
from gpushopper.sandbox.ports import choose_port
from gpushopper.sandbox.requests.app import create_app
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.stop_request import StopRequest

MARKET_DIR = "market"
LIVE_DIR = "live"
SOCKET_FILE = "control.sock"
_LONGEST_SOCKET = 100  # bytes; the system's limit is 108 with its end mark
DEFAULT_BOOT_SECONDS = 4.0


class CannotStart(Exception):
    """The sandbox of this home cannot be served; the text says why."""


class CannotContain(CannotStart):
    """Live instances were requested and this computer cannot contain them (S28)."""


class SandboxServer:
    """A market in a home folder, served until `stop`.

    `<home>/market` (0700) holds `market.json`, `clock-offset`, `control.sock` (0600) and `lock`; with live instances
    `live/<id>` with each one's `disk`, start-up `log` and host keys.
    """

    def __init__(self, home: Path, dialects: Mapping[str, Dialect] = BUILT_IN) -> None:
        self.dialects = dialects
        self.home = home.absolute()
        self.dir = self.home / MARKET_DIR
        self._stop = StopRequest()
        self._undo = ExitStack()
        self._saved: tuple[int, int] | None = None
        self._supervisors: SupervisorPool | None = None

    def open(
        self,
        *,
        seed: int | None = None,
        boot_seconds: float | None = None,
        rate_gaps: bool | None = None,
        clouds: Sequence[str] | None = None,
        ports: Mapping[str, int] | None = None,
        live: bool | None = None,
    ) -> dict[str, Any]:
        """Start serving and return the status once every dialect answers; raises CannotStart.

        None keeps what the market file says (a new market: seed 1, 4 s, gaps off, any port, paper). `clouds` are
        served, by default all; what runs at the others goes on and is billed. `ports` are by cloud.
        """
        served = tuple(self.dialects) if clouds is None else tuple(clouds)
        self._take_lock()
        clock = SandboxClock(self.dir)
        self.state = self._load(clock, seed, boot_seconds)
        self._choose_kind(live)
        self._undo.callback(save_state, self.dir / MARKET_FILE, self.state)
        if rate_gaps is not None:
            self.state.rate_limiter.enabled = rate_gaps
        for name in served:
            self._serve_dialect(name, (ports or {}).get(name))
        if self.state.market.live:
            self._supervisors = SupervisorPool(self.dir / LIVE_DIR, self.state, self._save)
        describe = list if self._supervisors is None else self._supervisors.describe
        control = Control(self.home, self.state, clock, served, self._stop.request, describe)
        self._serve_control(create_control(control))
        self._save()
        for name in served:
            _probe(self.state.ports[name])
        if self._supervisors is not None:
            self._supervisors.start()
            self._undo.callback(self._supervisors.stop)
        return control.status()

    def obey_signals(self) -> None:
        """Have SIGTERM and SIGINT end `wait`; call it before the ready line is printed."""
        self._stop.obey_signals()

    def wait(self) -> None:
        """Serve until a stop is requested."""
        self._stop.wait()

    def close(self) -> None:
        """Undo what `open` has done, in reverse order: stop serving, save, release the lock of the home."""
        self._undo.close()

    def _take_lock(self) -> None:
        self.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.dir.chmod(0o700)
        if len(os.fsencode(self.dir / SOCKET_FILE)) > _LONGEST_SOCKET:
            raise CannotStart(f"the path of the control socket is too long: {self.dir / SOCKET_FILE}")
        lock = os.open(self.dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._undo.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(f"a sandbox is already running in {self.home}") from error

    def _load(self, clock: SandboxClock, seed: int | None, boot_seconds: float | None) -> SandboxState:
        path = self.dir / MARKET_FILE
        if not path.exists():
            boot = DEFAULT_BOOT_SECONDS if boot_seconds is None else boot_seconds
            return new_state(clock, seed=1 if seed is None else seed, boot_seconds=boot, dialects=self.dialects)
        try:
            state = load_state(path, clock, self.dialects)
        except (NewerMarket, ValueError, KeyError, TypeError) as error:
            raise CannotStart(f"the market file cannot be read: {path}: {error}") from error
        if seed is not None and seed != state.market.seed:
            raise CannotStart(f"this home's market has seed {state.market.seed}; use another home for {seed}")
        if boot_seconds is not None:
            state.market.boot_seconds = boot_seconds
        return state

    def _choose_kind(self, live: bool | None) -> None:
        """Decide whether instances are simulated (`paper`) or live: no market has both.

        Raises CannotStart while instances of the other kind exist, CannotContain where no live one can run.
        """
        market = self.state.market
        if live is not None and live != market.live:
            ours = [instance for instance in market.tracked.values() if not instance.spec.foreign]
            kind = "live" if market.live else "simulated"
            if any(instance.exists for instance in ours):
                raise CannotStart(f"this sandbox has {kind} instances; end them first, or start again with --fresh")
            if ours:
                raise CannotStart(f"the instances of this sandbox were {kind}; start again with --fresh")
            market.live = live
        if market.live and (reason := containment_problem(self.dir / LIVE_DIR)) is not None:
            raise CannotContain(reason)

    def _serve_dialect(self, name: str, port: int | None) -> None:
        """Serve a cloud on the requested port, otherwise on its last one, otherwise on a new one, which is kept."""
        state = self.state
        dialect = create_app(self.dialects[name], state.market, state.faults, state.rate_limiter, self._read_log)
        app = _saved_after(dialect, self._save)
        wanted = state.ports.get(name) if port is None else port
        server = _bound(app, wanted or choose_port())
        if server is None and port is not None:
            raise CannotStart(f"port {port} is taken")
        server = server or _bound(app, choose_port())
        if server is None:
            raise CannotStart("no port is free on loopback")
        state.ports[name] = server.bind_addr[1]
        self._run(server)

    def _read_log(self, instance: Instance) -> str:
        """Return what the container of an instance has printed; of a simulated one, what it would have printed."""
        if not self.state.market.live or not instance.can_be_live:
            return simulated_log(instance)
        return read_log(self.dir / LIVE_DIR / str(instance.id))

    def _serve_control(self, app: Any) -> None:
        locked = _locked(app, self.state)
        path = self.dir / SOCKET_FILE
        path.unlink(missing_ok=True)
        self._undo.callback(path.unlink, missing_ok=True)
        server = wsgi.Server(str(path), _saved_after(locked, self._save), numthreads=4, shutdown_timeout=1)
        before = os.umask(0o177)
        try:
            server.prepare()
        finally:
            os.umask(before)
        self._run(server)

    def _run(self, server: wsgi.Server) -> None:
        self._undo.callback(server.stop)
        threading.Thread(target=server.serve, daemon=True).start()

    def _save(self) -> None:
        """Write the market file when something changed since it was last written."""
        with self.state.market.lock:
            changes = self.state.changes()
            if changes != self._saved:
                save_state(self.dir / MARKET_FILE, self.state)
                self._saved = changes
                if self._supervisors is not None:
                    self._supervisors.wake()


def _bound(app: Any, port: int) -> FaultyServer | None:
    """Return a server bound to this port; None where the port is in use."""
    server = FaultyServer(port, app)
    try:
        server.prepare()
    except OSError:
        return None
    return server


def _saved_after(app: Any, save: Callable[[], None]) -> Any:
    """Save before the reply is sent, so that its effect is on disk."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = list(app(environ, start_response))
        save()
        return body

    return serve


def _locked(app: Any, state: SandboxState) -> Any:
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with state.market.lock:
            return list(app(environ, start_response))

    return serve


def _probe(port: int) -> None:
    """Connect to a dialect once; raises CannotStart. A request would count as an act of a saved fault."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except OSError as error:
        raise CannotStart(f"the dialect on port {port} does not answer: {error}") from error
