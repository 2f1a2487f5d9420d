"""Offers as stored: every field comes back, and those of an older version are read with defaults."""

from __future__ import annotations

import json
from dataclasses import replace

from gpushopper.core.cloud import Billing, BillingStart, OfferKind, StoppedBilling
from gpushopper.store.schema.columns import OffersText, OfferText
from tests.store.samples import OFFER

OLD = (
    '{"cpu_cores":16.0,"cuda":12.4,"disk_gb":512.5,"download_gb":2000,"driver":"","ends_at":null,"gpu":"RTX 4090",'
    '"gpu_count":1,"gpu_rate":412000,"host_id":"4471","interruptible":false,"offer_id":"29817342","provider":"vast",'
    '"ram_mb":64000,"region":"Texas, US","reliability":0.994,"seen_at":1780000000000000,"storage_gb_month":150000,'
    '"upload_gb":0,"verified":true,"vram_mb":24564}'
)


def test_every_field_of_an_offer_comes_back():
    terms = Billing(BillingStart.CREATE, 60, 3600, StoppedBilling.ALL, 20.0, 10.0, 5.0, month_hours=730)
    other = replace(
        OFFER, kind=OfferKind.SPOT, is_single=False, stock=3, billing=terms, host_id=None, cuda=None, reference="x.y.1"
    )
    for one in (OFFER, other):
        assert OfferText().python_value(OfferText().db_value(one)) == one
    assert OffersText().python_value(OffersText().db_value((OFFER, other))) == (OFFER, other)


def test_an_offer_of_an_older_version_is_read_with_defaults():
    assert OfferText().python_value(OLD) == OFFER
    spot = json.dumps({**json.loads(OLD), "interruptible": True})
    assert OfferText().python_value(spot) == replace(OFFER, kind=OfferKind.SPOT)
    unknown = json.dumps({**json.loads(OLD), "cuda": 0.0, "host_id": "", "ram_mb": 0, "region": "", "reliability": 0})
    assert OfferText().python_value(unknown) == replace(
        OFFER, cuda=None, host_id=None, ram_mb=None, region=None, reliability=None
    )
