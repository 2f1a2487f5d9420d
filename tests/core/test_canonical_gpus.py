"""Each cloud's spelling of a card maps to one canonical GPU; the table holds the spellings of the clouds' notes."""

from __future__ import annotations

import pytest

from gpushopper.core.spelling.gpus import Gpu, UnknownGpu, canonical, is_same_gpu, is_same_spelled, resolve_gpu

# By cloud, as its answers spell it (the notes on each provider); model, form, memory in GB where the name has it.
SPELLINGS = [
    # TensorDock: key and display name
    ("geforcertx4090-pcie-24gb", Gpu("RTX 4090", "", 24)),
    ("NVIDIA GeForce RTX 4090 PCIe 24GB", Gpu("RTX 4090", "", 24)),
    ("geforcertx3090-pcie-24gb", Gpu("RTX 3090", "", 24)), ("geforcertx5090-pcie-32gb", Gpu("RTX 5090", "", 32)),
    ("rtxa4000-pcie-16gb", Gpu("RTX A4000", "", 16)), ("rtxa5000-pcie-24gb", Gpu("RTX A5000", "", 24)),
    ("rtxa6000-pcie-48gb", Gpu("RTX A6000", "", 48)), ("l4-pcie-24gb", Gpu("L4", "", 24)),
    ("l40s-pcie-48gb", Gpu("L40S", "", 48)), ("a40-pcie-48gb", Gpu("A40", "", 48)),
    ("a100-sxm4-80gb", Gpu("A100", "SXM", 80)), ("a100-pcie-80gb", Gpu("A100", "PCIe", 80)),
    ("h100-sxm5-80gb", Gpu("H100", "SXM", 80)), ("v100-sxm2-16gb", Gpu("V100", "SXM", 16)),
    # Lambda: types and descriptions
    ("gpu_1x_a10", Gpu("A10")), ("A10 (24 GB PCIe)", Gpu("A10", "", 24)), ("1x A10 (24 GB PCIe)", Gpu("A10", "", 24)),
    ("gpu_1x_h100_sxm5", Gpu("H100", "SXM")), ("gpu_8x_a100_80gb_sxm4", Gpu("A100", "SXM", 80)),
    ("gpu_1x_h100_pcie", Gpu("H100", "PCIe")), ("gpu_1x_gh200", Gpu("GH200")),
    ("A100 (40 GB SXM4)", Gpu("A100", "SXM", 40)), ("H100 (80 GB SXM5)", Gpu("H100", "SXM", 80)),
    # RunPod
    ("NVIDIA H100 80GB HBM3", Gpu("H100", "SXM", 80)), ("NVIDIA H100 PCIe", Gpu("H100", "PCIe")),
    ("NVIDIA H100 NVL", Gpu("H100", "NVL")), ("NVIDIA H200", Gpu("H200", "SXM")),
    ("NVIDIA H200 NVL", Gpu("H200", "NVL")),
    ("NVIDIA B200", Gpu("B200")), ("NVIDIA B300 SXM6 AC", Gpu("B300")),
    ("NVIDIA B300 SXM6 AC MIG 1g.34gb", Gpu("B300 MIG 1g", "", 34)),
    ("NVIDIA A100 80GB PCIe", Gpu("A100", "PCIe", 80)), ("NVIDIA A100-SXM4-80GB", Gpu("A100", "SXM", 80)),
    ("NVIDIA A30", Gpu("A30")), ("NVIDIA A40", Gpu("A40")), ("NVIDIA L4", Gpu("L4")), ("NVIDIA L40", Gpu("L40")),
    ("NVIDIA L40S", Gpu("L40S")), ("NVIDIA GeForce RTX 3080 Ti", Gpu("RTX 3080 Ti")),
    ("NVIDIA GeForce RTX 4080 SUPER", Gpu("RTX 4080 SUPER")), ("NVIDIA GeForce RTX 5090", Gpu("RTX 5090")),
    ("NVIDIA RTX 2000 Ada Generation", Gpu("RTX 2000 Ada")),
    ("NVIDIA RTX 4000 SFF Ada Generation", Gpu("RTX 4000 SFF Ada")),
    ("NVIDIA RTX 6000 Ada Generation", Gpu("RTX 6000 Ada")), ("NVIDIA RTX A4500", Gpu("RTX A4500")),
    ("NVIDIA RTX PRO 4500 Blackwell", Gpu("RTX PRO 4500")),
    ("NVIDIA RTX PRO 6000 Blackwell Server Edition", Gpu("RTX PRO 6000", "Server")),
    ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", Gpu("RTX PRO 6000", "WS")),
    ("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", Gpu("RTX PRO 6000 Max-Q", "WS")),
    ("Tesla V100-PCIE-16GB", Gpu("V100", "PCIe", 16)), ("Tesla V100-SXM2-32GB", Gpu("V100", "SXM", 32)),
    ("AMD Instinct MI300X OAM", Gpu("MI300X")),
    # Verda
    ("A100 SXM4 80GB", Gpu("A100", "SXM", 80)), ("NVIDIA A100 SXM4 80GB", Gpu("A100", "SXM", 80)),
    ("1x A100 SXM4 80GB", Gpu("A100", "SXM", 80)), ("B300 SXM6 268GB", Gpu("B300", "", 268)),
    ("B200 SXM6 180GB", Gpu("B200", "", 180)), ("H200 SXM5 141GB", Gpu("H200", "SXM", 141)),
    ("L40S 48GB", Gpu("L40S", "", 48)), ("RTX PRO 6000 96GB", Gpu("RTX PRO 6000", "", 96)),
    ("RTX6000 Ada 48GB", Gpu("RTX 6000 Ada", "", 48)), ("RTX A6000 48GB", Gpu("RTX A6000", "", 48)),
    ("Tesla V100 16GB", Gpu("V100", "", 16)),
    # Blue Lobster
    ("1x RTX 5090", Gpu("RTX 5090")), ("v2_gpu_1x_5090", Gpu("RTX 5090")), ("A4000", Gpu("RTX A4000")),
    ("A6000", Gpu("RTX A6000")), ("RTX 8000", Gpu("RTX 8000")),
    # Lium
    ("NVIDIA GeForce RTX 4090", Gpu("RTX 4090")),
    # Vast
    ("RTX 4090", Gpu("RTX 4090")), ("RTX 4080S", Gpu("RTX 4080 SUPER")), ("RTX 4070S Ti", Gpu("RTX 4070 Ti SUPER")),
    ("RTX 4000Ada", Gpu("RTX 4000 Ada")), ("RTX A5000", Gpu("RTX A5000")), ("A100 SXM4", Gpu("A100", "SXM")),
    ("A100 PCIE", Gpu("A100", "PCIe")), ("H100 SXM", Gpu("H100", "SXM")), ("H200", Gpu("H200", "SXM")),
    ("Tesla T4", Gpu("T4")), ("Q RTX 8000", Gpu("RTX 8000")), ("GH200 SXM", Gpu("GH200")), ("A10G", Gpu("A10G")),
    ("RTX 4090D", Gpu("RTX 4090 D")), ("RTX PRO 6000 WS", Gpu("RTX PRO 6000", "WS")),
    # what is not understood stays itself
    ("Titan  V", Gpu("Titan V")), ("some new thing", Gpu("some new thing")), ("", Gpu("")),
]  # fmt: skip
KNOWN = [(spelling, gpu) for spelling, gpu in SPELLINGS if any(c.isdigit() for c in spelling)]


@pytest.mark.parametrize(("spelling", "gpu"), SPELLINGS)
def test_every_clouds_spelling_is_one_card(spelling: str, gpu: Gpu):
    assert canonical(spelling) == gpu


@pytest.mark.parametrize(("spelling", "gpu"), KNOWN)
def test_a_canonical_name_is_its_own(spelling: str, gpu: Gpu):
    assert canonical(gpu.name) == Gpu(gpu.model, gpu.form), spelling


def test_the_memory_is_the_names_else_what_the_cloud_says():
    assert canonical("RTX 4090", 24_564).vram_gb == canonical("RTX 4090", 23_034).vram_gb == 24
    assert canonical("A100-SXM4-80GB", 40_960).vram_gb == 80
    shown = {143_771: 141, 97_887: 96, 95_830: 94, 183_359: 180, 15_360: 16, 409_600: 400}
    assert {mb: canonical("H200", mb).vram_gb for mb in shown} == shown


@pytest.mark.parametrize(("spelling", "gpu"), KNOWN)
def test_its_canonical_name_finds_it_at_every_cloud(spelling: str, gpu: Gpu):
    others = [other for other, card in KNOWN if card.model != gpu.model]
    assert resolve_gpu(gpu.model, [spelling, *others]) == (spelling,)
    with pytest.raises(UnknownGpu):
        resolve_gpu(gpu.model, others)


def test_a_name_without_a_form_finds_every_form_of_one_cloud():
    names = ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 NVL")
    assert set(resolve_gpu("h100", names)) == set(names)
    assert resolve_gpu("H100 SXM", names) == names[:1]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("geforcertx4090-pcie-24gb", "NVIDIA GeForce RTX 4090 PCIe 24GB", True), ("A100", "a100-sxm4-80gb", True),
        ("a100-pcie-80gb", "a100-sxm4-80gb", False), ("rtx_4090", "RTX 4090", True),
        ("some new thing", "RTX 4090", False),
        ("some new thing", "Some new  thing", True), ("RTX 4090", "RTX 4090D", False),
    ],
)  # fmt: skip
def test_two_spellings_of_one_cloud(one: str, other: str, same: bool):
    assert is_same_spelled(one, other) is is_same_spelled(other, one) is same


@pytest.mark.parametrize(
    ("shown", "offered", "same"),
    [
        ("NVIDIA A100 80GB PCIe", "A100 SXM4", False), ("NVIDIA A100-SXM4-80GB", "A100 PCIE", False),
        ("NVIDIA H100 80GB HBM3", "H100 NVL", False), ("NVIDIA H100 80GB HBM3", "gpu_1x_h100_sxm5", True),
        ("NVIDIA GeForce RTX 4090", "geforcertx4090-pcie-24gb", True), ("NVIDIA H200", "H200 SXM5 141GB", True),
        ("NVIDIA B300 SXM6 AC", "B300 SXM6 268GB", True), ("NVIDIA A100-PG509-200", "A100 SXM4", True),
        ("NVIDIA RTX A4000", "rtxa4000-pcie-16gb", True), ("NVIDIA L40S", "l40s-pcie-48gb", True),
    ],
)  # fmt: skip
def test_a_claim_compares_the_card_and_a_form_that_both_name(shown: str, offered: str, same: bool):
    assert is_same_gpu(shown, offered) is same
