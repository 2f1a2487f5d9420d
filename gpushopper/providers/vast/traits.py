"""Traits of Vast: its guard, default image, size of a bulk destroy. Facts for people are in `gpushopper.clouds`."""

from __future__ import annotations

from gpushopper.providers.base import Traits
from gpushopper.providers.vast import destroy
from gpushopper.providers.vast.rate_limits import DESTROY_INTERVAL_S

TRAITS = Traits(
    name="vast",
    guard_kind="self_destroy",
    bulk_destroy=destroy.MOST,
    # Public, on Docker Hub, about 90 MB packed: CUDA's runtime loader and a shell, and sshd comes from Vast itself.
    # 12.4 runs on every driver from 550 on; a newer one fails on hosts that overstate theirs (vastai.md 3.2).
    default_image="nvidia/cuda:12.4.1-base-ubuntu22.04",
    takes_image_login=True,
    destroy_interval_s=DESTROY_INTERVAL_S,
)
