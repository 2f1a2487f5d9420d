"""Jobs without a daemon: each takes the home's lock where it must, or asks the daemon that holds it (S23, S24)."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from gpushopper import __version__, clouds, config, log
from gpushopper.client import Client
from gpushopper.client.home_owner import check_home
from gpushopper.clock import SystemClock
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.daemon.alerts import alert_jobs
from gpushopper.daemon.backup import backup_jobs, restoring
from gpushopper.daemon.keys import account_setup, key_jobs
from gpushopper.daemon.keys.account_connection import connect_accounts, unusable_accounts
from gpushopper.daemon.keys.keyring_check import check_keyring
from gpushopper.daemon.lock import AlreadyRunning, Holder, HomeLock, read_holder
from gpushopper.daemon.open_store import check_installation, open_store
from gpushopper.daemon.own_process import harden, open_log
from gpushopper.daemon.purge.refusals import refuse_while_billing
from gpushopper.daemon.purge.removal import plan_removal, remove_home
from gpushopper.daemon.record_checks import check_file_system, check_records
from gpushopper.daemon.watchdog.job import watchdog
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.requests.queries import audit as audit_query
from gpushopper.engine.shared_calls import ThreadedCalls
from gpushopper.errors import DaemonUnreachable, Misconfigured, ShopperError, UsageError
from gpushopper.paths import Home, find_home
from gpushopper.store import installation
from gpushopper.store.sqlite import disk_reserve

DAEMON_WAIT_S = 15.0

JobResult = dict[str, Any]

_log = structlog.get_logger(__name__)


def audit(home: Home, _arguments: Sequence[str]) -> JobResult:
    """Every billable thing on the accounts, compared with our records."""
    clock = SystemClock(home.clock_offset)
    try:
        with _locked(home, clock) as redactor, open_engine(home, clock, redactor) as (ctx, setups):
            return asdict(audit_query.audit(ctx, setups, ThreadedCalls()))
    except AlreadyRunning:
        answered: Any = _wait_for_daemon(home, clock).audit()  # decoded JSON with the fields of wire.Audit
        return dict(answered)


def doctor(home: Home, _arguments: Sequence[str]) -> JobResult:
    """What can be checked without a daemon and without the network."""
    holder = read_holder(home)
    is_up = Client(home).is_up()
    checks = [
        _check("configuration", lambda: _check_config(home)),
        *[_check(f"key {row['provider']}", partial(_check_key, row)) for row in key_jobs.of_used_clouds(home)],
        _check("home", lambda: _check_home(home)),
        check_file_system(home),
        check_keyring(home),
        *_record_checks(home),
    ]
    daemon = f"running, pid {holder.pid}, version {holder.version}" if is_up and holder else "not running"
    return {"checks": checks, "daemon": daemon, "problems": sum(not check["ok"] for check in checks)}


def decide_installation(home: Home, arguments: Sequence[str]) -> JobResult:
    """`keep`: this home has moved, and is the only one. `new`: it is a copy, and gets an identity of its own (S10)."""
    decide = {"keep": installation.keep, "new": installation.renew}.get(arguments[0] if arguments else "")
    if decide is None:
        raise UsageError("say `installation keep` or `installation new`")
    clock = SystemClock(home.clock_offset)
    stopped = _stop_daemon(home, clock)
    with _locked(home, clock):
        store = disk_reserve.with_reserve(home.disk_reserve, lambda: open_store(home, clock))
        try:
            return {"installation": decide(home, store).id, "daemon": "stopped" if stopped else "not running"}
        finally:
            store.close()


def restore_backup(home: Home, arguments: Sequence[str]) -> JobResult:
    """Put the backup that is named in the place of the records; the daemon is stopped for it."""
    source = Path(arguments[0])
    clock = SystemClock(home.clock_offset)
    stopped = _stop_daemon(home, clock)
    with _locked(home, clock):
        done = disk_reserve.with_reserve(home.disk_reserve, lambda: restoring.restore(home, source, clock.now()))
    kept = None if done.replaced is None else str(done.replaced)
    return {
        "restored": str(done.source),
        "replaced": kept,
        "open_sessions": list(done.open_sessions),
        "daemon": "stopped" if stopped else "not running",
    }


def purge(home: Home, arguments: Sequence[str]) -> JobResult:
    """Remove all that is ours in this home; refused while anything may bill, and while a daemon runs.

    With `list`, only say what that is; with `seen`, accounts that do not answer are no reason to refuse it.
    """
    if "list" in arguments:
        return plan_removal(home)
    clock = SystemClock(home.clock_offset)
    with _locked(home, clock) as redactor:
        with open_engine(home, clock, redactor) as (ctx, setups):
            refuse_while_billing(ctx, setups, ThreadedCalls(), has_seen_console="seen" in arguments)
        return remove_home(home)


JOBS: dict[str, Callable[[Home, Sequence[str]], JobResult]] = {
    "audit": audit,
    "backup-list": backup_jobs.list_backups,
    "backup-make": backup_jobs.make_backup,
    "backup-restore": restore_backup,
    "doctor": doctor,
    "installation": decide_installation,
    "keys-list": key_jobs.list_keys,
    "keys-probe": key_jobs.probe_key,
    "keys-remove": key_jobs.remove_key,
    "keys-set": key_jobs.set_key,
    "notify-add": alert_jobs.add,
    "notify-rm": alert_jobs.remove,
    "purge": purge,
    "watchdog": watchdog,
}


def run_once(job: str, arguments: Sequence[str]) -> int:
    """Run a job and print its answer, or its error, as one JSON line; the exit status as in errors.py."""
    try:
        home = find_home()
        check_home(home)
        harden()  # a job holds keys too
        answer, code = {"ok": True, **JOBS[job](home, arguments)}, 0
        if warnings := _warnings(home):
            answer["warnings"] = warnings
    except ShopperError as error:
        fields = {"code": error.code, "message": error.message, "hint": error.hint, "exit": error.exit_code}
        answer, code = {"ok": False, "error": fields}, error.exit_code
    sys.stdout.write(json.dumps(answer) + "\n")
    # An account that could not be read is not an account without problems.
    return 9 if code == 0 and (answer.get("problems") or answer.get("unavailable")) else code


@contextmanager
def _locked(home: Home, clock: SystemClock) -> Iterator[log.Redactor]:
    """The home's lock, and a log that knows no secret yet."""
    redactor = log.Redactor()
    holder = Holder(pid=os.getpid(), started_at=clock.now().wall, version=__version__)
    with disk_reserve.with_reserve(home.disk_reserve, lambda: HomeLock.take(home, holder)):
        disk_reserve.with_reserve(home.disk_reserve, lambda: open_log(home, redactor, clock))
        yield redactor


@contextmanager
def open_engine(
    home: Home, clock: SystemClock, redactor: log.Redactor
) -> Iterator[tuple[Context, dict[str, AccountSetup]]]:
    """The home's database and its accounts, for one query without an engine. The caller holds the lock."""
    store = disk_reserve.with_reserve(home.disk_reserve, lambda: open_store(home, clock))
    try:
        found = disk_reserve.with_reserve(home.disk_reserve, lambda: check_installation(home, store))
        settings = config.load(home)
        policy = account_setup.choose_policy(settings)
        for text in account_setup.warnings_about(settings):
            _log.warning("keys", text=text)
        setups = connect_accounts(settings, account_setup.key_sources(home, settings), clock, redactor)
        setups += unusable_accounts(store, setups, settings)
        ctx = Context(store, clock, policy, SpendingLimits(**asdict(settings.brakes)), found, home)
        yield ctx, {setup.provider: setup for setup in setups}
    finally:
        store.close()


def _wait_for_daemon(home: Home, clock: SystemClock) -> Client:
    """The daemon that holds the lock, which may still be starting."""
    client = Client(home)
    if not _wait(clock, client.is_up):
        raise DaemonUnreachable("a daemon holds this home, but does not answer", "see: gpu-shopper daemon status")
    return client


def _stop_daemon(home: Home, clock: SystemClock) -> bool:
    """End the daemon of this home, if one runs, and wait until its lock is free; nothing rented is touched."""
    client = Client(home)
    if not client.is_up():
        return False
    client.stop()
    if not _wait(clock, lambda: _is_free(home)):
        raise DaemonUnreachable("the daemon does not stop", "see: gpu-shopper daemon status")
    return True


def _is_free(home: Home) -> bool:
    try:
        HomeLock.take(home, Holder(os.getpid(), 0, __version__)).release()
    except AlreadyRunning:
        return False
    return True


def _wait(clock: SystemClock, condition: Callable[[], bool]) -> bool:
    end, pause = clock.monotonic() + DAEMON_WAIT_S, threading.Event()
    while not condition():
        if clock.monotonic() > end:
            return False
        pause.wait(0.05)
    return True


def _check(name: str, check: Callable[[], str]) -> JobResult:
    try:
        return {"name": name, "ok": True, "text": check(), "hint": ""}
    except ShopperError as error:
        return {"name": name, "ok": False, "text": error.message, "hint": error.hint}


def _check_config(home: Home) -> str:
    settings = config.load(home)
    account_setup.choose_policy(settings)
    for wrong in (*clouds.unknown(settings.providers), *clouds.wrong_accounts(settings.account_clouds).values()):
        raise wrong
    count = len(settings.origins)
    return f"{count} setting{'' if count == 1 else 's'} of yours, policy {settings.policy.name}"


def _check_key(row: JobResult) -> str:
    if row["state"] != "ok":
        raise Misconfigured(row["text"], row["hint"])
    return str(row["source"])


def _record_checks(home: Home) -> list[JobResult]:
    """What the database says, with a daemon or without; nothing where there is none yet."""
    try:
        return check_records(home, key_jobs.listed(home))
    except ShopperError as error:
        return [{"name": "records", "ok": False, "text": error.message, "hint": error.hint}]


def _warnings(home: Home) -> list[str]:
    """Clouds and accounts in the configuration that no package has: a job leaves them out, and says so."""
    try:
        return account_setup.warnings_about(config.load(home))
    except ShopperError:
        return []  # the job itself says what is wrong


def _check_home(home: Home) -> str:
    folder = next(each for each in (home.data, *home.data.parents) if each.exists())  # what is missing will be made
    if not os.access(folder, os.W_OK):
        raise Misconfigured(f"{folder} cannot be written", "set GPU_SHOPPER_HOME to a folder that can")
    return str(home.data)
