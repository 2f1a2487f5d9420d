"""GPU names match in any spelling and no other card; similar names go by their digits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.spelling.gpus import (
    GpuRequest,
    UnknownGpu,
    has_memory,
    memory_of,
    parse_gpu_request,
    read_model,
    resolve_gpu,
    similar_names,
)

MARKET = (
    "RTX 4090", "RTX 4090D", "RTX 3090", "RTX 3090 Ti", "RTX 4070", "RTX 4070 Ti", "RTX 4070S", "RTX 4070S Ti",
    "A100 SXM4", "A100 PCIE", "A10", "A10G", "H100 SXM", "H100 NVL", "L4", "L40", "L40S", "RTX A4000", "GTX 1080",
    "GTX 1080 Ti", "Tesla V100", "Tesla T4",
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("4090", {"RTX 4090"}), ("rtx4090", {"RTX 4090"}), ("RTX_4090", {"RTX 4090"}), ("RTX 4090", {"RTX 4090"}),
        ("rtx-4090", {"RTX 4090"}), ("NVIDIA GeForce RTX 4090", {"RTX 4090"}), ("4090d", {"RTX 4090D"}),
        ("a100", {"A100 SXM4", "A100 PCIE"}), ("A100-SXM4", {"A100 SXM4"}), ("h100", {"H100 SXM", "H100 NVL"}),
        ("a10", {"A10"}), ("a10g", {"A10G"}), ("l40", {"L40"}), ("l4", {"L4"}), ("l40s", {"L40S"}),
        ("a4000", {"RTX A4000"}), ("4000", {"RTX A4000"}), ("1080", {"GTX 1080"}), ("1080ti", {"GTX 1080 Ti"}),
        ("3090", {"RTX 3090"}), ("rtx 3090 ti", {"RTX 3090 Ti"}), ("v100", {"Tesla V100"}), ("t4", {"Tesla T4"}),
        ("rtx 4070", {"RTX 4070"}), ("4070 ti", {"RTX 4070 Ti"}), ("4070s", {"RTX 4070S"}),
    ],
)  # fmt: skip
def test_names_forgive_spelling(typed: str, meant: set[str]):
    assert set(resolve_gpu(typed, MARKET)) == meant


@pytest.mark.parametrize("typed", ["409", "rtx409", "40", "90", "rtx", "gtx", "nvidia", "", "-", "a1", "h10", "b200"])
def test_a_part_of_a_number_is_no_name(typed: str):
    with pytest.raises(UnknownGpu):
        resolve_gpu(typed, MARKET)


@pytest.mark.parametrize(
    ("typed", "market"),
    [
        ("rtx 4070", ["RTX 4070 Ti"]), ("rtx 4070", ["RTX 4070S"]), ("rtx 4070", ["RTX 4070S Ti"]),
        ("rtx 4070", ["RTX 4070 Super"]), ("rtx4090", ["RTX 4090D"]), ("l40", ["L40S"]), ("a10", ["A100 PCIE"]),
        ("l4", ["L40"]), ("4090", ["RTX 4090D"]), ("1080", ["GTX 1080 Ti"]),
    ],
)  # fmt: skip
def test_a_name_never_means_another_card(typed: str, market: list[str]):
    with pytest.raises(UnknownGpu):
        resolve_gpu(typed, market)


def test_two_spellings_of_one_card_are_both_meant():
    market = ["RTX 4090", "NVIDIA GeForce RTX 4090", "RTX 4080"]
    for typed in ("4090", "rtx4090"):
        assert resolve_gpu(typed, market) == ("NVIDIA GeForce RTX 4090", "RTX 4090")


def test_an_unknown_name_comes_with_similar_ones():
    with pytest.raises(UnknownGpu) as caught:
        resolve_gpu("RTX 4099", MARKET)
    assert caught.value.wanted == "RTX 4099"
    assert "RTX 4090" in caught.value.similar
    assert similar_names("rtx 4099", MARKET, limit=1) == ("RTX 4090",)


@given(name=st.sampled_from(MARKET), spelling=st.randoms(use_true_random=False))
def test_every_known_name_resolves_to_itself_in_any_spelling(name: str, spelling: random.Random):
    typed = "".join(spelling.choice((c.lower(), c.upper())) for c in name.replace(" ", spelling.choice(" _-")))
    assert resolve_gpu(typed, MARKET) == (name,)


@given(st.text())
def test_whatever_is_typed_resolves_to_known_names_or_none(typed: str):
    try:
        found = resolve_gpu(typed, MARKET)
    except UnknownGpu:
        return
    assert {read_model(name).number for name in found} == {read_model(typed).number}


CATALOGUE = (
    "RTX 4080", "RTX 4080S", "RTX 4090", "RTX 4070S Ti", "RTX 4070 Ti", "A100 SXM4", "A100 PCIE", "H100 SXM",
    "H100 NVL", "H200", "H200 NVL", "B200", "L40", "L40S", "Tesla V100", "Tesla T4", "Q RTX 8000", "RTX A4000",
    "RTX 4000Ada", "RTX 6000Ada", "RTX A6000", "RTX PRO 6000 WS", "RTX PRO 6000 S", "RTX 3060 laptop", "Titan V",
)  # fmt: skip
"""Names as Vast spells them."""
A100 = {"A100 SXM4", "A100 PCIE"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # what the issue reports
        ("RTX 4080 SUPER", {"RTX 4080S"}), ("H100 SXM5", {"H100 SXM"}), ("A100-80GB", A100), ("A100_80GB", A100),
        ("rtx8000", {"Q RTX 8000"}), ("A100-SXM4-80GB", {"A100 SXM4"}),
        # variants in any order, spelled out or not
        ("4080", {"RTX 4080"}), ("4080 s", {"RTX 4080S"}), ("4080super", {"RTX 4080S"}),
        ("rtx-4080_Super", {"RTX 4080S"}),
        ("RTX 4070 Ti SUPER", {"RTX 4070S Ti"}), ("4070 ti", {"RTX 4070 Ti"}), ("l40 s", {"L40S"}),
        ("RTX 6000 Ada Generation", {"RTX 6000Ada"}), ("4000 ada", {"RTX 4000Ada"}),
        ("3060 Mobile", {"RTX 3060 laptop"}),
        # vendors
        ("NVIDIA GeForce RTX 4080 SUPER", {"RTX 4080S"}), ("Quadro RTX 8000", {"Q RTX 8000"}),
        ("Tesla-T4", {"Tesla T4"}),
        ("nvidia titan v", {"Titan V"}), ("NVIDIA RTX A6000", {"RTX A6000"}),
        # forms
        ("a100 sxm", {"A100 SXM4"}), ("NVIDIA A100 80GB PCIe", {"A100 PCIE"}), ("A100 PCI-E", {"A100 PCIE"}),
        ("NVIDIA H100 80GB HBM3", {"H100 SXM"}), ("h200", {"H200"}), ("h200 nvl", {"H200 NVL"}),
        ("H200 SXM", {"H200"}), ("B200-SXM", {"B200"}), ("V100-SXM2-32GB", {"Tesla V100"}),
        ("rtx pro 6000", {"RTX PRO 6000 WS", "RTX PRO 6000 S"}),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", {"RTX PRO 6000 S"}),
        # memory
        ("RTX 4090 24GB", {"RTX 4090"}), ("a100 80 GB", A100), ("h100nvl94gb", {"H100 NVL"}),
        ("v100 (32GB)", {"Tesla V100"}),
    ],
)  # fmt: skip
def test_what_other_places_call_a_card_finds_it_and_only_it(typed: str, meant: set[str]):
    assert set(resolve_gpu(typed, CATALOGUE)) == meant


@pytest.mark.parametrize(
    "typed",
    ["RTX 6000", "6000", "4000", "RTX 4090 SUPER", "4090 ti", "h100 pcie", "l4", "a10", "RTX 3060", "gtx 4090",
     "3060ti",
     "80GB", "SXM4", "super", "titan", "4009", "a100-sxm4-40gbx", "\u0664\u0660\u0669\u0660"],
)  # fmt: skip
def test_a_near_miss_finds_nothing(typed: str):
    with pytest.raises(UnknownGpu):
        resolve_gpu(typed, CATALOGUE)


@pytest.mark.parametrize(
    ("typed", "first"),
    [("4009", "RTX 4090"), ("4909", "RTX 4090"), ("RTX 4900", "RTX 4090"), ("4008", "RTX 4080"),
     ("rtx 6000", "RTX 6000Ada"),
     ("h010", "H100 NVL"),
     ("4090ti", "RTX 4090"), ("h100 pcie", "H100 NVL"), ("a1000", "A100 PCIE"), ("titan", "Titan V"),
     ("rtx 499", "RTX 4090")],
)  # fmt: skip
def test_near_misses_are_ranked_by_their_digits(typed: str, first: str):
    assert similar_names(typed, CATALOGUE)[0] == first


@pytest.mark.parametrize(
    ("typed", "size"),
    [("A100-80GB", 80), ("A100_80GB", 80), ("a100 80 gb", 80), ("A100-40G", 40), ("80GiB A100", 80),
     ("V100-SXM2-32GB", 32),
     ("h100nvl94gb", 94), ("A10G", None), ("a100", None), ("RTX 4090", None), ("GB200", None), ("a100 80", None)],
)  # fmt: skip
def test_an_amount_of_memory_is_read(typed: str, size: int | None):
    assert memory_of(typed) == size


@pytest.mark.parametrize(
    ("size", "shown", "others"),
    [(80, 81920, (40960, 95830)), (80, 81559, (95830,)), (40, 40960, (81920, 49140)), (24, 24564, (32607, 20475)),
     (24, 23034, ()), (16, 15360, (12288, 20475)), (12, 12288, (10240, 16376)), (10, 10240, (12288,)),
     (48, 46068, (40960,)), (32, 32768, (16384, 40960)), (94, 95830, (81559,)), (141, 143771, (183359,))],
)  # fmt: skip
def test_a_size_is_met_by_what_cards_of_it_show(size: int, shown: int, others: tuple[int, ...]):
    assert has_memory(shown, [size]) and has_memory(shown, [None]) and has_memory(shown, [1, size])
    assert not any(has_memory(other, [size]) for other in others)
    assert not has_memory(shown, [])


@pytest.mark.parametrize(
    ("text", "wish"),
    [("RTX 4090", GpuRequest(("RTX 4090",), None)), ("A100:2", GpuRequest(("A100",), 2)), ("a, b", GpuRequest(("a",
    "b"), None)),
     ("a:2,b", GpuRequest(("a", "b"), 2)), ("a:2,b:2", GpuRequest(("a", "b"), 2)), ("a,a", GpuRequest(("a",), None)),
     ("a : 64", GpuRequest(("a",), 64))],
)  # fmt: skip
def test_one_of_several_and_a_number(text: str, wish: GpuRequest):
    assert parse_gpu_request(text) == wish


@pytest.mark.parametrize(
    "text",
    ["", ",", "a,", ":2", "a:", "a:0", "a:65", "a:-1", "a:x", "a:2:3", "a:1.5", "a:2,b:4", "a:\u0662"],
)
def test_what_is_no_gpu_request(text: str):
    with pytest.raises(ValueError):
        parse_gpu_request(text)
