"""The job `watchdog`: its arguments, the keys it takes, and its answer."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from gpushopper import clouds, config
from gpushopper.clock import SystemClock
from gpushopper.config import Config
from gpushopper.core.policy import Policy
from gpushopper.daemon.keys.account_connection import connect_accounts, usable_traits
from gpushopper.daemon.keys.account_setup import choose_policy
from gpushopper.daemon.watchdog.reading import Means, Watched
from gpushopper.daemon.watchdog.watching import ENDED, NOT_VERIFIED, watch
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured
from gpushopper.log import Redactor
from gpushopper.paths import Home
from gpushopper.secrets import EnvironmentSource, FileSource, KeySource

JobResult = dict[str, Any]


def watchdog(home: Home, arguments: Sequence[str]) -> JobResult:
    """Watch once; `arguments` is one JSON object: installations, providers, key_file, only_looks.

    Raises:
        Misconfigured: there is no key for any cloud.
    """
    # No log file: the home may be another computer's, or none. Lines on stdout would be taken for the answer.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    wanted = json.loads(arguments[0])
    settings = config.load(home)
    policy, clock = choose_policy(settings), SystemClock(home.clock_offset)
    key_file = Path(wanted["key_file"]) if wanted["key_file"] else home.key_file
    sources: list[KeySource] = [EnvironmentSource(os.environ), FileSource(key_file)]
    means = Means(clock, threading.Event().wait, _note)
    found = connect_accounts(settings, sources, clock, Redactor(), _note, set(wanted["providers"]) or None)
    watched, unseen = _sort(found, policy, bool(wanted["providers"]))
    if not watched and not unseen:
        raise Misconfigured(f"no key in the environment or in {key_file}", _which_key(settings), code="no_key")
    for account in watched:
        if not account.client.traits.narrow_key:
            _note(f"{account.name}: the cloud has no narrower keys; this needs your full account key")
    report = watch(watched, frozenset(wanted["installations"]), means, only_looks=wanted["only_looks"])
    return {
        "installations": sorted(wanted["installations"]),
        "accounts": [account.name for account in watched],
        "rows": report.rows,
        "unavailable": unseen | report.unavailable,
        "ended": sum(row["outcome"] == ENDED for row in report.rows),
        "unverified": sum(row["outcome"] == NOT_VERIFIED for row in report.rows),
    }


def _sort(found: Sequence[AccountSetup], policy: Policy, is_chosen: bool) -> tuple[list[Watched], dict[str, str]]:
    """The accounts that can be watched, and why others cannot; a cloud without a key is silent unless it was named."""
    watched, unseen = [], {}
    for setup in found:
        if setup.client is not None:
            traits = setup.client.traits
            watched.append(
                Watched(setup.provider, setup.client, policy.at(traits.limits, traits.pace), setup.key_source)
            )
        elif setup.key_state != "missing" or setup.is_named or is_chosen:
            unseen[setup.provider] = setup.key_problem
    return watched, unseen


def _which_key(settings: Config) -> str:
    """What to put where, by cloud: with the narrowest key that does."""
    words = []
    for name, cloud in clouds.known().items():
        traits = usable_traits(name)
        if traits is not None and settings.provider(name).enabled:
            needed = [part.variables[0] for part in cloud.credential if part.is_needed]
            which = f"a key with {traits.narrow_key}" if traits.narrow_key else "this needs your full account key"
            words.append(f"{' and '.join(needed)} ({which})")
    return f"set {', or '.join(words)}; see: gpu-shopper watchdog --help"


def _note(text: str) -> None:
    """One line for whoever started the job; it may have gone."""
    try:
        sys.stdout.write(json.dumps({"note": text}) + "\n")
        sys.stdout.flush()
    except OSError:
        return
