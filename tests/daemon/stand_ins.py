"""Stand-ins for what a daemon is given: an offer, a provider's empty account, keys that do not change."""

from __future__ import annotations

from dataclasses import asdict, fields

from gpushopper.core.cloud import Billing, OfferKind
from gpushopper.core.model.offer import Offer
from gpushopper.engine.context import AccountSetup
from gpushopper.providers.base import Account, InstanceList, OfferList, OfferQuery
from gpushopper.providers.vast import TRAITS as VAST
from gpushopper.wire import OfferView

OFFER = OfferView(
    key="vast:1", provider="vast", offer_id="1", host_id="2", gpu="RTX 4090", gpu_count=1, vram_mb=24000, rate=400_000,
    gpu_rate=390_000, storage_rate=10_000, storage_gb_month=150_000, upload_gb=0, download_gb=0, region="EU",
    reliability=0.99, cuda=12.4, disk_gb=20, cpu_cores=8, ram_mb=32000, verified=True, kind="on_demand", seen_at=2**52,
)  # fmt: skip
"""Seen so late that it is never of an old plan."""


class EmptyAccount:
    """A provider's account with credit, one offer, and nothing on it."""

    traits = VAST
    unknown_fields: frozenset[str] = frozenset()

    def fetch_account(self, limit_s: float) -> Account:
        return Account("acc-1", 100_000_000, None)

    def fetch_instances(self, limit_s: float) -> InstanceList:
        return InstanceList((), True, None)

    def list_limit_s(self, limit_s: float) -> float:
        return limit_s

    def search(self, search: OfferQuery, limit_s: float) -> OfferList:
        facts = {name: value for name, value in asdict(OFFER).items() if name in [f.name for f in fields(Offer)]}
        return OfferList((Offer(**facts | {"kind": OfferKind.ON_DEMAND, "billing": Billing()}),), True, None)

    def gpu_names(self, limit_s: float) -> tuple[str, ...]:
        return ("RTX 4090",)

    def available_at(self, endpoint: object) -> float:
        return 0.0

    def add_redactions(self, texts: object) -> None: ...

    def close(self) -> None: ...


class KnownKeys:
    """Nothing about keys changes here."""

    def setup(self, name: str) -> AccountSetup:
        return AccountSetup(name, None, "no key", "", "https://vast.example", key_state="missing")

    def keyless(self) -> list[str]:
        return ["vast"]

    def held(self) -> list[str]:
        return []

    def keyless_header(self) -> list[str]:
        return ["vast"]

    def on_client_contact(self) -> None: ...

    def reload(self) -> None: ...
