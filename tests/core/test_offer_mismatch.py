"""The hardware that a heartbeat reports, compared with the offer (F15): the GPU model and nothing beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.lifecycle.offer_mismatch import hardware_mismatch
from gpushopper.core.model.heartbeat import Hardware
from gpushopper.core.spelling.gpus import is_same_gpu
from tests.core.samples import OFFER

SAME = [
    ("NVIDIA GeForce RTX 4090", "RTX 4090"), ("NVIDIA H100 80GB HBM3", "H100 SXM"), ("NVIDIA H200 NVL", "H200 NVL"),
    ("NVIDIA A100 80GB PCIe", "A100 PCIE"), ("NVIDIA A100-SXM4-80GB", "A100 SXM4"), ("NVIDIA L40S", "L40S"),
    ("NVIDIA GH200 480GB", "GH200 SXM"), ("NVIDIA GeForce RTX 4080 SUPER", "RTX 4080S"), ("Tesla T4", "Tesla T4"),
    ("NVIDIA RTX 4000 Ada Generation", "RTX 4000Ada"), ("NVIDIA RTX A5000", "RTX A5000"),
    ("Quadro RTX 8000", "Q RTX 8000"),
    ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000 WS"), ("NVIDIA TITAN V", "Titan V"),
    ("NVIDIA GeForce RTX 3070 Ti", "RTX 3070 Ti"), ("some new thing", "RTX 4090"),
    ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 S"), ("Tesla V100-SXM2-32GB", "Tesla V100"),
]  # fmt: skip
OTHER = [
    ("NVIDIA GeForce RTX 3060", "RTX 4090"), ("NVIDIA GeForce RTX 4070", "RTX 4070 Ti"), ("NVIDIA L40", "L40S"),
    ("NVIDIA GeForce RTX 4080", "RTX 4080S"), ("NVIDIA A10", "A100 PCIE"), ("NVIDIA L4", "L40S"),
    ("NVIDIA H100 80GB HBM3", "H200 NVL"), ("Quadro RTX 6000", "RTX 6000Ada"), ("NVIDIA RTX A4000", "RTX 4000Ada"),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "offered"), SAME)
def test_one_model_under_two_names(shown: str, offered: str):
    assert is_same_gpu(shown, offered)


@pytest.mark.parametrize(("shown", "offered"), OTHER)
def test_two_models(shown: str, offered: str):
    assert not is_same_gpu(shown, offered)


@pytest.mark.parametrize(
    ("driver", "is_good"), [("570.86.10", True), ("570.26", True), ("590.1", True), ("560.94", False), ("", True)]
)
def test_a_driver_must_not_be_of_an_older_branch_than_was_offered(driver: str, is_good: bool):
    offer = replace(OFFER, driver="570.86.10")
    assert (hardware_mismatch(offer, 20, Hardware(driver=driver)) == "") is is_good
    assert hardware_mismatch(OFFER, 20, Hardware(driver=driver)) == ""


@pytest.mark.parametrize(
    ("cuda", "is_good"), [("12.4", True), ("13.0", True), ("12.3", False), ("11.8", False), ("", True)]
)
def test_a_driver_must_take_the_cuda_that_was_offered(cuda: str, is_good: bool):
    assert (hardware_mismatch(OFFER, 20, Hardware(cuda=cuda)) == "") is is_good
