"""Traits of Vast: billing, limits, pace, names, planting, ending. Facts for people are in `gpushopper.clouds`."""

from __future__ import annotations

from gpushopper.core.cloud import (
    Carrier,
    Catalogue,
    Ending,
    EndingKind,
    Identity,
    ImageKind,
    Limits,
    ListProof,
    Naming,
    Pace,
    Planting,
    PlantingMethod,
    Traits,
)
from gpushopper.providers.vast import destroy
from gpushopper.providers.vast.billing import BILLING
from gpushopper.providers.vast.guard_recipe import STARTUP_LIMIT
from gpushopper.providers.vast.rate_limits import DESTROY_INTERVAL_S, LONGEST_GAP_S

TRAITS = Traits(
    name="vast",
    billing=BILLING,
    limits=Limits(
        create_s=60,
        destroy_s=30,
        read_s=20,
        flight_s=180,
        list_lag_s=420,
        boot_silence_s=900,
        boot_limit_s=3600,
        degraded_after_s=60,
        list_proof=ListProof.TOTAL,
        max_startup_length=STARTUP_LIMIT,
        max_variable_length=256,  # vastai.md 4.1
    ),
    # Each endpoint has a limit of its own, and the account none (vastai.md 13).
    pace=Pace(destroy_interval_s=DESTROY_INTERVAL_S, longest_gap_s=LONGEST_GAP_S),
    identity=Identity.TOLD,
    # Of accounts and of instances (vastai.md 4.4).
    key_pattern=r"\b[0-9A-Fa-f]{32,}\b",
    narrow_key="the permissions instance_read and instance_write",  # vastai.md 2
    naming=Naming(carriers=(Carrier.LABEL, Carrier.ENVIRONMENT), can_relabel=True),
    planting=Planting(PlantingMethod.ONSTART, attaches_keys=True),
    ending=Ending(EndingKind.SELF_DESTROY, bulk_destroy=destroy.MOST),
    catalogue=Catalogue(
        # Public, on Docker Hub, about 90 MB packed: CUDA's runtime loader and a shell, and sshd comes from Vast itself.
        # 12.4 runs on every driver from 550 on; a newer one fails on hosts that overstate theirs (vastai.md 3.2).
        default_image="nvidia/cuda:12.4.1-base-ubuntu22.04",
        image_kind=ImageKind.CONTAINER,
        takes_image_login=True,
    ),
)
