"""One daemon from start to stop: the order of the start, the periodic jobs, the threads, the stop (I20, I19)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from typing import TypeVar

import structlog

from gpushopper import __version__, clouds, config, log
from gpushopper.client.home_owner import check_home, own_name
from gpushopper.clock import SystemClock
from gpushopper.core.policy import Policy
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot
from gpushopper.daemon.alerts.alert_sender import AlertSender
from gpushopper.daemon.alerts.channel_settings import ChannelSettings
from gpushopper.daemon.api.listener import Listener, check_path
from gpushopper.daemon.api.members.callers import MemberList
from gpushopper.daemon.api.members.group_socket import GroupSocket, socket_of
from gpushopper.daemon.api.routes.health import render_metrics
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service, for_members
from gpushopper.daemon.audit_log.writer import AuditLog
from gpushopper.daemon.completion_file import CompletionFile
from gpushopper.daemon.keys import account_setup
from gpushopper.daemon.keys.account_connection import unusable_accounts
from gpushopper.daemon.keys.image_logins import ImageLogins
from gpushopper.daemon.keys.key_watcher import RETRY_S, KeyWatcher
from gpushopper.daemon.lock import Holder, HomeLock
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.metrics.port import MetricsPort
from gpushopper.daemon.open_store import check_installation, open_store
from gpushopper.daemon.own_process import harden, open_log
from gpushopper.daemon.periodic_jobs import Job, Schedule, lifecycle_every_s, reconciliation_jitter_s
from gpushopper.daemon.sleep_detection import SleepDetector
from gpushopper.daemon.stop_report import report_open_sessions
from gpushopper.daemon.stop_signal import StopSignal
from gpushopper.daemon.supervision.loops import Loops
from gpushopper.daemon.supervision.systemd_notify import ServiceManager
from gpushopper.daemon.time_zone import user_zone
from gpushopper.engine import registry_login_redaction
from gpushopper.engine.alerts.dispatch import SENDERS, AlertDispatch
from gpushopper.engine.context import Context
from gpushopper.engine.engine import Engine
from gpushopper.engine.executor import ThreadExecutor
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.requests.queries.sessions import sessions
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.engine.ssh_files import SshFiles
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess
from gpushopper.store import idempotency
from gpushopper.store.database import Store
from gpushopper.store.installation import Installation
from gpushopper.store.instances import heartbeats
from gpushopper.store.sessions import providers_with_attempts
from gpushopper.store.sqlite import disk_reserve
from gpushopper.store.sqlite.backups import back_up_daily

SOCKET_CHECK_S = 4
RESERVE_CHECK_S = 60
PRUNE_S = 24 * 3600
THIN_S = 3600
ROLLUP_S = 60
"""How soon after a full hour its costs are entered."""
COMPACT_S = 3600
"""How often it is looked whether a session has become old; a computer that is on for two hours a day sees it, too."""
SSH_TIDY_S = 3
METRICS_RETRY_S = 60
ALERTS_S = 2
"""How soon an event is told; also the least time between two alerts over one channel."""
BACKUP_S = 1800
"""How often it is looked whether the daily backup is due; a computer that is on for an hour a day gets one, too."""
AUDIT_S = 2
"""How soon an act that is recorded in the database is in the audit log's file, too."""
THREAD_STOP_S = 3

_log = structlog.get_logger(__name__)
_said = structlog.get_logger(__name__ + log.SAID)

PrintLine = Callable[[str], None]
T = TypeVar("T")


class Daemon:
    """The parts of a running daemon. `print_line` writes a line for who has started it in the foreground.

    `terminal` writes a line of the log, where that is a person who watches.
    """

    def __init__(self, home: Home, stop: StopSignal, print_line: PrintLine, terminal: PrintLine | None = None) -> None:
        self.home = home
        self.print_line = print_line
        self.terminal = terminal
        self.stop = stop
        self.clock = SystemClock(home.clock_offset)
        self.redactor = log.Redactor()
        self.keys = KeyWatcher(home, self.clock, self.redactor, self._warn)
        self.started = self.clock.now()
        self.metrics = Exposition()
        self.manager = ServiceManager(os.environ, os.getpid())
        self.ending = threading.Event()
        self.threads: list[threading.Thread] = []

    def run(self, ready: Callable[[], None]) -> int:
        """Start in the order of I20, call `ready` once requests are answered, run until stopped.

        The order: home and socket path checked, process hardened, lock, log, database, installation, keys and
        engine, recovery, socket, threads and jobs.

        Returns the exit status. Raises the error of a start that failed; the lock is then free again.
        """
        check_home(self.home)
        check_path(self.home)
        harden()
        with ExitStack() as parts:
            holder = Holder(pid=os.getpid(), started_at=self.started.wall, version=__version__)
            parts.enter_context(self._with_reserve(lambda: HomeLock.take(self.home, holder)))
            self._with_reserve(lambda: open_log(self.home, self.redactor, self.clock, self.terminal))
            store = self._with_reserve(lambda: open_store(self.home, self.clock))
            parts.callback(store.close)
            found = self._with_reserve(lambda: check_installation(self.home, store))
            policy = self._build(store, found, parts)
            self.service = self._service(found.id, policy.name)
            self.service.members_socket = socket_of(self.settings.daemon)
            self.listener = Listener(self.home, build_app(self.service))
            self.group_socket = self._group_socket()
            parts.callback(self._end_threads)
            parts.callback(self.listener.close)
            parts.callback(self.group_socket.close)
            parts.callback(self.metrics_port.close)
            parts.callback(self.ending.set)
            self._with_reserve(self.engine.recover)
            self._with_reserve(self.listener.open)
            self._start_threads()
            ready()
            self.manager.ready()
            code = self.stop.wait()
            self.manager.stopping()
            return code

    def _with_reserve(self, step: Callable[[], T]) -> T:
        """Do a step of the start; a full disk must not prevent a restart that is needed to end sessions (F67)."""
        return disk_reserve.with_reserve(self.home.disk_reserve, step)

    def _build(self, store: Store, found: Installation, parts: ExitStack) -> Policy:
        """Make keys, policy, accounts, engine and periodic jobs; none is started."""
        settings = self.settings = config.load(self.home)
        policy = account_setup.choose_policy(settings)
        setups = self.keys.start(settings, partial(providers_with_attempts, store))
        setups += unusable_accounts(store, setups, settings)
        for text in account_setup.warnings_about(settings):
            self._warn(text)
        for name, why in clouds.skipped().items():
            self._warn(f"cloud {name}: {why}")
        executor = ThreadExecutor()
        parts.callback(executor.close)
        limits = SpendingLimits(**asdict(settings.brakes))
        ssh = InstanceAccess(self.home)
        logins = ImageLogins(self.home, self.redactor)
        ctx = Context(
            store, self.clock, policy, limits, found, self.home, remote=ssh, read_login=logins,
            observe_call=self.metrics.calls.observe,
            observe_first_login=self.metrics.calls.observe_first_login,
        )  # fmt: skip
        ctx.zone, ctx.consumer = user_zone(settings.money), settings.provision.consumer or own_name()
        parts.callback(ctx.is_closing.set)  # before the executor closes, whose threads are waited for
        self.engine = Engine(ctx, executor, setups)
        self.alerts = self._build_alerts(ctx, parts)
        executor.on_done = self.engine.notify
        self.keys.subscribe(self.engine.replace_account)
        self.metrics_port = MetricsPort(self.home, settings.metrics.port, lambda: render_metrics(self.service))
        self.schedule = Schedule(self._jobs(ctx, policy, SshFiles(ctx)), self.clock)
        return policy

    def _jobs(self, ctx: Context, policy: Policy, ssh_files: SshFiles) -> list[Job]:
        """What is done from time to time."""
        every_s = self.manager.feed_every_s
        watchdog = [] if every_s is None else [Job("watchdog", self._feed_watchdog, every_s)]
        return [
            *watchdog,
            Job("lifecycle", self.engine.run_clock_rules, lifecycle_every_s(policy)),
            Job("reconciliation", self.engine.wake, policy.steady_poll_s, reconciliation_jitter_s(policy)),
            Job("rollups", lambda: run_rollups(ctx, is_clock_right=self.engine.is_clock_right()), ROLLUP_S),
            Job("compaction", lambda: run_compaction(ctx, is_clock_proven=self.engine.is_clock_proven()), COMPACT_S),
            Job("requests", lambda: self._prune(ctx.store), PRUNE_S),
            Job("heartbeats", lambda: self._thin_heartbeats(ctx.store), THIN_S),
            Job("socket", self._check_sockets, SOCKET_CHECK_S),
            Job("reserve", self._allocate_reserve, RESERVE_CHECK_S),
            Job("keys", self.keys.retry, RETRY_S),
            Job("ssh", ssh_files.sync, SSH_TIDY_S),
            Job("alerts", self.alerts.step, ALERTS_S),
            Job("completion", CompletionFile(ctx, self.alerts.channels, self.engine.recent_offers).sync, SSH_TIDY_S),
            Job("backup", lambda: back_up_daily(ctx.store.path, self.clock.now().wall), BACKUP_S),
            Job("audit log", AuditLog(ctx).step, AUDIT_S),
            Job("ssh keys", ssh_files.prune_keys, PRUNE_S),
            *([Job("metrics", self.metrics_port.open, METRICS_RETRY_S)] if self.metrics_port.is_set else []),
        ]

    def _build_alerts(self, ctx: Context, parts: ExitStack) -> AlertDispatch:
        """The job that tells people, with threads that nothing else uses: a receiver may hang."""
        threads = ThreadExecutor(workers=SENDERS)
        parts.callback(threads.close)
        send = AlertSender(self.home, self.redactor, self.clock, ctx.installation.id, ctx.zone, ctx.policy.name)
        settings = ChannelSettings(self.home)
        return AlertDispatch(ctx, threads, settings, send, settings.problem)

    def _service(self, installation: str, policy: str) -> Service:
        self.detector = SleepDetector(self.clock, self._after_gap)
        turned = {"engine": lambda: self.engine.turned_boot, "resume": lambda: self.detector.turned_boot}
        self.loops = Loops(self.clock, self.schedule, turned)
        return Service(
            handle=self.engine.handle,
            clock=self.clock,
            home=self.home,
            version=__version__,
            pid=os.getpid(),
            uid=os.geteuid(),
            started_at=self.started.wall,
            installation=installation,
            policy=policy,
            schedule=self.schedule,
            keys=self.keys,
            alerts=self.alerts,
            loops=self.loops,
            metrics=self.metrics,
            metrics_problem=lambda: self.metrics_port.problem,
            members_problem=lambda: self.group_socket.problem,
            request_stop=self.stop.request,
        )

    def _start_threads(self) -> None:
        self._load_login_redactions()
        for name, run in (("engine", self._run_engine), ("resume", self.detector.run)):
            thread = threading.Thread(target=run, args=(self.ending,), name=name, daemon=True)
            self.threads.append(thread)
            thread.start()
        self.schedule.start()
        self.metrics_port.open()
        self.group_socket.open()
        if self.group_socket.problem:
            self.print_line(f"warning: {self.group_socket.problem}")
        _log.info("ready", pid=os.getpid(), home=str(self.home.data), version=__version__)

    def _load_login_redactions(self) -> None:
        """Redact logins that an earlier process sent: read on a thread, since a keyring may take its time."""
        registries = registry_login_redaction.open_registries(self.engine.ctx)
        if registries:
            load = partial(registry_login_redaction.load_redactions, self.engine.ctx, registries)
            threading.Thread(target=load, name="logins", daemon=True).start()

    def _run_engine(self, stop: threading.Event) -> None:
        try:
            self.engine.run(stop)
        except Exception as error:  # noqa: BLE001 - crash-only: logged, then the whole process ends
            _log.error("the engine has failed", exc_info=error)
            self.stop.fail()

    def _after_gap(self, _now: ClockSnapshot) -> None:
        """After sleep or a clock jump: clock rules first (no network needed), then poll and reset jobs (F58, F64)."""
        try:
            self.engine.run_clock_rules()
        finally:
            # Even if the rules failed, on a full disk for example, accounts must be polled and jobs run on time.
            self.engine.resume()
            self.schedule.reset()

    def _allocate_reserve(self) -> None:
        """Allocate a released disk reserve again once there is space."""
        disk_reserve.allocate(self.home.disk_reserve)

    def _thin_heartbeats(self, store: Store) -> None:
        is_left = True
        while is_left and not self.ending.is_set():
            with store.transaction():
                is_left = heartbeats.thin(store, self.clock.now().wall)

    def _feed_watchdog(self) -> None:
        self.manager.feed(self.loops.hanging)

    def _check_sockets(self) -> None:
        self.listener.reopen_if_lost()
        self.group_socket.open()

    def _group_socket(self) -> GroupSocket:
        members = MemberList(self.home, self.service.uid)
        private = (self.home.data, self.home.run, self.home.config_file.parent)
        return GroupSocket(self.settings.daemon, build_app(for_members(self.service), members), private)

    def _prune(self, store: Store) -> None:
        with store.transaction():
            idempotency.prune(store, self.clock.now().wall - idempotency.RETENTION_US)

    def _warn(self, text: str) -> None:
        _said.warning("keys", text=text)
        self.print_line(f"warning: {text}")

    def _end_threads(self) -> None:
        """Let running work reach its commit, then report open sessions. Nothing is destroyed (F39)."""
        if not self.threads:
            return
        self.schedule.stop()
        self.engine.notify()
        for thread in self.threads:
            thread.join(THREAD_STOP_S)
        report_open_sessions(sessions(self.engine.ctx, open_only=True).sessions, self.print_line)
        _log.info("stopped", uptime_h=round((self.clock.now().boot - self.started.boot) / HOUR, 2))
