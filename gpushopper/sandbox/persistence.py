"""The whole market as one JSON file: replaced atomically, so a killed server loses nothing."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gpushopper.sandbox.faults.fault_table import Fault, FaultBook
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import (
    Account,
    Arrival,
    Container,
    CreateSeen,
    DestroySeen,
    Instance,
    Key,
    Meter,
    Order,
    Phase,
)
from gpushopper.sandbox.rate_limits import Pacer
from gpushopper.sandbox.timing import Clock

SCHEMA = 1
MARKET_FILE = "market.json"


class NewerMarket(Exception):
    """The file was written by a newer version; it is left alone."""


@dataclass(slots=True)
class World:
    """Everything a server serves. `ports` remembers each dialect's TCP port by provider."""

    market: Market
    faults: FaultBook
    pacer: Pacer
    ports: dict[str, int]

    def changes(self) -> tuple[int, int]:
        """Return a value that differs whenever something worth saving happened."""
        return self.market.changes, self.faults.changes


def new_world(clock: Clock, *, seed: int, boot_seconds: float) -> World:
    """Return a fresh market without faults."""
    market = Market(clock, seed=seed, boot_seconds=boot_seconds)
    return World(market, FaultBook(clock, seed), Pacer(), {})


def save_world(path: Path, world: World) -> None:
    """Replace the file durably: written and synced beside it, then renamed over it."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        os.fchmod(file.fileno(), 0o600)  # it holds the market's keys
        json.dump(dump_world(world), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_world(path: Path, clock: Clock) -> World:
    """Read a saved market; it goes on as if it had never stopped. Raises NewerMarket, OSError, ValueError."""
    return restore_world(json.loads(path.read_text()), clock)


def dump_world(world: World) -> dict[str, Any]:
    """Return the world as JSON-ready data. Supply is not in it: it follows from the seed."""
    market = world.market
    return {
        "schema": SCHEMA,
        "seed": market.seed,
        "boot_seconds": market.boot_seconds,
        "born_at": market.born_at,
        "accounts": [asdict(account) for account in market.accounts.values()],
        "keys": [asdict(key) for key in market.keys.values()],
        "instances": [asdict(instance) for instance in market.instances.values()],
        "arrivals": [asdict(arrival) for arrival in market.arrivals],
        "creates": [asdict(seen) for seen in market.creates],
        "destroys": [asdict(seen) for seen in market.destroys],
        "offline_hosts": list(market.offline_hosts.items()),
        "faults": [asdict(fault) for fault in world.faults.faults],
        "pacing": {
            "enabled": world.pacer.enabled,
            "form": world.pacer.form,
            "retry_after": world.pacer.retry_after,
        },
        "ports": world.ports,
        "instances_are": "live" if market.live else "paper",
    }


def restore_world(data: dict[str, Any], clock: Clock) -> World:
    """Rebuild a world from `dump_world`'s data."""
    if data["schema"] > SCHEMA:
        raise NewerMarket(f"the market file has schema {data['schema']}, this version knows {SCHEMA}")
    world = new_world(clock, seed=data["seed"], boot_seconds=data["boot_seconds"])
    market = world.market
    market.born_at = data["born_at"]
    market.live = data.get("instances_are") == "live"
    market.accounts = {row["id"]: Account(**row) for row in data["accounts"]}
    market.keys = {row["secret"]: Key(**row) for row in data["keys"]}
    market.instances = {row["id"]: _instance(row) for row in data["instances"]}
    market.moving = dict(market.instances)
    market.arrivals = [Arrival(row["at"], row["account_id"], _order(row["order"])) for row in data["arrivals"]]
    market.creates = [CreateSeen(**row) for row in data["creates"]]
    market.destroys = [DestroySeen(**row) for row in data["destroys"]]
    market.offline_hosts = dict(data["offline_hosts"])
    world.faults.restore([Fault(**row) for row in data["faults"]])
    world.pacer = Pacer(**data["pacing"])
    world.ports = dict(data["ports"])
    return world


def _order(row: dict[str, Any]) -> Order:
    fields = {**row, "env": tuple((key, value) for key, value in row["env"]), "args": tuple(row["args"])}
    return Order(**{**fields, "stuck_in": _phase(row["stuck_in"])})


def _instance(row: dict[str, Any]) -> Instance:
    return Instance(
        **{
            **row,
            "order": _order(row["order"]),
            "phase": Phase(row["phase"]),
            "resume": _phase(row["resume"]),
            "history": [(at, Phase(phase)) for at, phase in row["history"]],
            "meter": Meter(**row["meter"]),
            "container": Container(**row.get("container", {})),
        }
    )


def _phase(word: str | None) -> Phase | None:
    return None if word is None else Phase(word)
