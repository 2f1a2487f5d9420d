"""Traits of TensorDock: billing, limits, pace, names, planting, ending. Facts for people are in `gpushopper.clouds`."""

from __future__ import annotations

from gpushopper.core.cloud import (
    Billing,
    BillingStart,
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
    StoppedBilling,
    Traits,
)
from gpushopper.providers.tensordock.rate_limits import CALLS_PER_MINUTE, DESTROY_INTERVAL_S, LONGEST_GAP_S
from gpushopper.providers.tensordock.vm_sizes import STORAGE_MINIMUM_GB, STORAGE_STEP_GB

TRAITS = Traits(
    name="tensordock",
    # tensordock.md 11: sources differ on the granularity and name no minimum. A stopped VM keeps its GPU and bills on;
    # from when on is not said, so from the create on, whose answer says `running` already (tensordock.md 5).
    billing=Billing(
        begins=BillingStart.CREATE,
        granularity_s=1,
        stopped=StoppedBilling.ALL,
        storage_minimum_gb=STORAGE_MINIMUM_GB,
        storage_step_gb=STORAGE_STEP_GB,
        # Disks are priced by the hour (tensordock.md 4): a month of any length comes to the same.
        month_hours=720,
    ),
    limits=Limits(
        # A create takes up to 70 s, and 60 s were too short for other clients (tensordock.md 5, 14).
        create_s=120,
        flight_s=300,
        # Deletes outlast a short limit, and are done nevertheless (tensordock.md 11).
        destroy_s=90,
        # Locations take 4.4 s (tensordock.md 4).
        read_s=30,
        list_lag_s=420,
        # Address 30 s, cloud-init 90 s, the packages' lock up to 5 min (tensordock.md 9, 10, 14).
        boot_silence_s=600,
        boot_limit_s=1200,
        # A burst of 401 that is none of the token's fault has 2 min (tensordock.md 13).
        degraded_after_s=180,
        # No total, no pages (tensordock.md 6).
        list_proof=ListProof.NOTHING,
    ),
    pace=Pace(calls=CALLS_PER_MINUTE, window_s=60, destroy_interval_s=DESTROY_INTERVAL_S, longest_gap_s=LONGEST_GAP_S),
    # No call says whose a token is (tensordock.md 3).
    identity=Identity.INFERRED,
    # No console log in API v2 (tensordock.md 3).
    gives_logs=False,
    # Tokens are alphanumeric, of a length that no source gives (tensordock.md 2).
    key_pattern=r"\b[0-9A-Za-z]{32,}\b",
    # tensordock.md 8: the name alone, and it cannot be changed; 60 characters were seen to work.
    naming=Naming(carriers=(Carrier.NAME,), can_relabel=False, alphabet="a-z0-9-", max_length=60),
    # tensordock.md 9: `user` with sudo is the stock account; there is no call that adds a key later.
    planting=Planting(PlantingMethod.CLOUD_INIT, attaches_keys=False, user="user"),
    # A VM has neither an id nor a key of its own: the only token is the organisation's, which may destroy everything
    # and never stands on an instance (F93). Powered off, it bills on (tensordock.md 11, 12).
    ending=Ending(EndingKind.POWEROFF_ONLY),
    catalogue=Catalogue(
        # With NVIDIA's driver: the plain images have none, or half of one (tensordock.md 5, 10).
        default_image="ubuntu2404_ml_pytorch",
        image_kind=ImageKind.SYSTEM,
        # Those that were checked, without Windows, which has no ssh; others were seen in code only (tensordock.md 5).
        images=(
            "ubuntu2404",
            "ubuntu2204",
            "ubuntu2404_ml_everything",
            "ubuntu2404_ml_pytorch",
            "ubuntu2404_ml_tensorflow",
        ),
    ),
)
