"""Persistence: saves the whole sandbox as one JSON file (market.json) and loads it again.

The file is replaced atomically, so a killed server loses nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faults.fault_table import Fault, FaultTable
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import (
    Account,
    Container,
    CreateRecord,
    DestroyRecord,
    Instance,
    InstanceSpec,
    Key,
    Meter,
    PendingCreate,
    Phase,
)
from gpushopper.sandbox.rate_limits import RateLimiter
from gpushopper.sandbox.requests.dialect import Dialect
from gpushopper.sandbox.timing import Clock

SCHEMA = 2
"""Since 2, an instance has its cloud's id and kind beside its number; files of schema 1 still open."""
MARKET_FILE = "market.json"

# Fields that are called something else in the file, by their name in the code: files of older versions still open.
_INSTANCE_NAMES = {"spec": "order"}
_CREATE_NAMES = {"cloud_ids": "ids"}
_DESTROY_NAMES = {"cloud_id": "id"}
_CONTAINER_NAMES = {"kill_count": "sweeps", "kill_patterns": "swept", "acted_faults": "played"}


class NewerMarket(Exception):
    """The file was written by a newer version; it is not overwritten."""


@dataclass(slots=True)
class SandboxState:
    """All that a sandbox server serves and saves, and by which dialects it is served.

    `ports` holds the last TCP port of each cloud.
    """

    dialects: Mapping[str, Dialect]
    market: Market
    faults: FaultTable
    rate_limiter: RateLimiter
    ports: dict[str, int]

    def changes(self) -> tuple[int, int]:
        """Return counters that differ whenever something changed that must be saved."""
        return self.market.changes, self.faults.changes


def new_state(
    clock: Clock, *, seed: int, boot_seconds: float, dialects: Mapping[str, Dialect] = BUILT_IN
) -> SandboxState:
    """Return a new market without faults; every cloud has its accounts there, served or not."""
    market = Market(clock, dialects.values(), seed=seed, boot_seconds=boot_seconds)
    return SandboxState(dialects, market, FaultTable(clock, seed), RateLimiter(), {})


def save_state(path: Path, state: SandboxState) -> None:
    """Replace the file durably: write and sync a partial file, then rename it."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        os.fchmod(file.fileno(), 0o600)  # it holds the market's keys
        json.dump(dump_state(state), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_state(path: Path, clock: Clock, dialects: Mapping[str, Dialect] = BUILT_IN) -> SandboxState:
    """Load a saved sandbox, which continues as if it had never stopped. Raises NewerMarket, OSError, ValueError."""
    return restore_state(json.loads(path.read_text()), clock, dialects)


def dump_state(state: SandboxState) -> dict[str, Any]:
    """Return the state as JSON-ready data. Supply is not in it: it follows from the seed."""
    market = state.market
    return {
        "schema": SCHEMA,
        "seed": market.seed,
        "boot_seconds": market.boot_seconds,
        "born_at": market.created_at,
        "accounts": [asdict(account) for account in market.accounts.values()],
        "keys": [asdict(key) for key in market.keys.values()],
        "instances": [_saved_instance(instance) for instance in market.instances.values()],
        "arrivals": [_renamed(asdict(create), _INSTANCE_NAMES) for create in market.pending_creates],
        "creates": [_renamed(asdict(record), _CREATE_NAMES) for record in market.creates],
        "destroys": [_renamed(asdict(record), _DESTROY_NAMES) for record in market.destroys],
        "offline_hosts": list(market.offline_hosts.items()),
        "faults": [asdict(fault) for fault in state.faults.faults],
        "pacing": {
            "enabled": state.rate_limiter.enabled,
            "form": state.rate_limiter.form,
            "retry_after": state.rate_limiter.retry_after,
        },
        "ports": state.ports,
        "instances_are": "live" if market.live else "paper",
    }


def restore_state(data: dict[str, Any], clock: Clock, dialects: Mapping[str, Dialect] = BUILT_IN) -> SandboxState:
    """Rebuild the sandbox's state from the data of `dump_state`.

    The accounts of a cloud that is not in the data are new. Raises NewerMarket, and ValueError for a cloud in the data
    that has no dialect: what runs there would be billed by nobody's rules.
    """
    if data["schema"] > SCHEMA:
        raise NewerMarket(f"the market file has schema {data['schema']}, this version knows {SCHEMA}")
    state = new_state(clock, seed=data["seed"], boot_seconds=data["boot_seconds"], dialects=dialects)
    market = state.market
    market.created_at = data["born_at"]
    market.live = data.get("instances_are") == "live"
    _restore_accounts(market, data)
    market.restore_instances(_load_instance(row) for row in data["instances"])
    market.pending_creates = [
        PendingCreate(row["at"], row["account_id"], _load_spec(row["order"])) for row in data["arrivals"]
    ]
    market.creates = [_load_create(row) for row in data["creates"]]
    market.destroys = [_load_destroy(row) for row in data["destroys"]]
    market.offline_hosts = dict(data["offline_hosts"])
    state.faults.restore([Fault(**row) for row in data["faults"]])
    state.rate_limiter = RateLimiter(**data["pacing"])
    state.ports = dict(data["ports"])
    return state


def _restore_accounts(market: Market, data: dict[str, Any]) -> None:
    """Replace the accounts and keys of the clouds in the data; the keys of others are numbered after those."""
    saved = [Account(**row) for row in data["accounts"]]
    known = {account.provider for account in saved}
    if unknown := sorted(known - market.clouds.keys()):
        raise ValueError(f"it has accounts at {', '.join(unknown)}, which this version does not simulate")
    new = [key for key in market.keys.values() if market.accounts[key.account_id].provider not in known]
    others = [account for account in market.accounts.values() if account.provider not in known]
    market.accounts = {account.id: account for account in (*saved, *others)}
    market.keys = {row["secret"]: Key(**row) for row in data["keys"]}
    for key in new:
        market.add_key(key.account_id, key.secret)


def _renamed(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in row.items()}


def _loaded_names(names: dict[str, str]) -> dict[str, str]:
    return {saved: name for name, saved in names.items()}


def _saved_instance(instance: Instance) -> dict[str, Any]:
    row = asdict(instance)
    return _renamed({**row, "container": _renamed(row["container"], _CONTAINER_NAMES)}, _INSTANCE_NAMES)


def _load_spec(row: dict[str, Any]) -> InstanceSpec:
    fields = {**row, "env": tuple((key, value) for key, value in row["env"]), "args": tuple(row["args"])}
    fields["ports"] = tuple((inner, outer) for inner, outer in row.get("ports", ()))
    fields["login_keys"] = tuple(row.get("login_keys", ()))
    return InstanceSpec(**{**fields, "stuck_in": _phase(row["stuck_in"])})


def _load_create(row: dict[str, Any]) -> CreateRecord:
    """Schema 1 has numbers for ids."""
    row = _renamed(row, _loaded_names(_CREATE_NAMES))
    return CreateRecord(**{**row, "cloud_ids": [str(number) for number in row["cloud_ids"]]})


def _load_destroy(row: dict[str, Any]) -> DestroyRecord:
    row = _renamed(row, _loaded_names(_DESTROY_NAMES))
    return DestroyRecord(**{**row, "cloud_id": str(row["cloud_id"])})


def _load_instance(row: dict[str, Any]) -> Instance:
    row = _renamed(row, _loaded_names(_INSTANCE_NAMES))
    container = _renamed(row.get("container", {}), _loaded_names(_CONTAINER_NAMES))
    return Instance(
        **{
            **row,
            "spec": _load_spec(row["spec"]),
            "phase": Phase(row["phase"]),
            "resume": _phase(row["resume"]),
            "history": [(at, Phase(phase)) for at, phase in row["history"]],
            "meter": Meter(**row["meter"]),
            "container": Container(**container),
        }
    )


def _phase(word: str | None) -> Phase | None:
    return None if word is None else Phase(word)
