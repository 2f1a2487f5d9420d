"""Traits of Nimbus: every value that neither Vast nor TensorDock has."""

from gpushopper.core.cloud import (
    Billing,
    BillingStart,
    Carrier,
    Catalogue,
    Ending,
    EndingKind,
    Identity,
    ImageKind,
    Leftover,
    Limits,
    ListProof,
    Naming,
    Pace,
    Planting,
    PlantingMethod,
    StoppedBilling,
    Traits,
)

TRAITS = Traits(
    name="nimbus",
    billing=Billing(
        begins=BillingStart.ADDRESS,
        granularity_s=60,
        minimum_s=600,
        stopped=StoppedBilling.NOTHING,
        storage_included_gb=10,
        month_hours=730,
    ),
    limits=Limits(list_proof=ListProof.CURSOR, create_replay_s=900),
    pace=Pace(calls=120, window_s=60, destroy_interval_s=1.0, longest_gap_s=2.0),
    identity=Identity.TOLD,
    naming=Naming((Carrier.TAG,), can_relabel=True),
    planting=Planting(PlantingMethod.OVER_SSH, registers_key=True, user="nimbus"),
    ending=Ending(EndingKind.SERVER_TIMER, leftovers=(Leftover.KEY, Leftover.DISK)),
    catalogue=Catalogue("nimbus/cuda-12", image_kind=ImageKind.SYSTEM),
)
