"""Parsing a heartbeat: exactly the expected form, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.heartbeat import GuardStatus, Hardware, Heartbeat, NetworkCount
from gpushopper.remote import heartbeat_probe

MARK = "gs-0123456789abcdef"
GUARD = "gs-guard 1\narmed=1\nwhy=\nleft=7200\nmax_left=43200\nseq=3\nholders=2\n"
REPORT = GuardStatus(True, "", 7200, 43200, 3, 2)
GUARD_2 = GUARD.replace("gs-guard 1", "gs-guard 2") + "ends=idle:90,run-lost:-5\nparts=4294967295 bad=run,done\n"
GPUS = "NVIDIA GeForce RTX 4090, 24564, 550.54.15\nNVIDIA GeForce RTX 4090, 24217, 550.54.15\n"
DISK = "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 97656250 1 2 3% /\n"


def answer(
    guard: str = GUARD, gpus: str = GPUS, cuda: str = "12.4\n", disk: str = DISK, *, mark: str = MARK,
    agent: str = "", network: str = "",
) -> bytes:  # fmt: skip
    parts = {"guard": guard, "agent": agent, "gpus": gpus, "cuda": cuda, "disk": disk, "network": network, "end": ""}
    return "".join(f"\n{mark} {name}\n{text}" for name, text in parts.items()).encode()


def test_a_complete_answer_is_a_heartbeat():
    hardware = Hardware(("NVIDIA GeForce RTX 4090",) * 2, 24217, "550.54.15", "12.4", 100.0)
    assert heartbeat_probe.read_heartbeat(answer(), MARK, is_complete=True) == Heartbeat(REPORT, hardware)


def test_a_report_of_early_ends_names_them_and_the_files_that_are_none():
    found = heartbeat_probe.read_heartbeat(answer(GUARD_2), MARK, is_complete=True)
    ends = (("idle", 90), ("run-lost", 0))
    report = replace(REPORT, ends=ends, knows_ends=True, parts="4294967295", bad_ends=("run", "done"))
    assert found is not None and found.guard == report


@pytest.mark.parametrize(("ends", "knows_ends"), [("", True), ("-", False)])
def test_no_early_end_is_not_the_same_as_a_guard_that_knows_none(ends: str, knows_ends: bool):
    text = GUARD.replace("gs-guard 1", "gs-guard 2") + f"ends={ends}\nparts=- bad=\n"
    found = heartbeat_probe.read_heartbeat(answer(text), MARK, is_complete=True)
    assert found is not None and found.guard == replace(REPORT, knows_ends=knows_ends)


@pytest.mark.parametrize(
    "text",
    [GUARD.replace("gs-guard 1", "gs-guard 2"), GUARD_2.replace("gs-guard 2", "gs-guard 1"),
     GUARD_2.replace("idle:90", "idle"), GUARD_2.replace("idle:90", "-"), GUARD_2.replace("idle:90", "i\x1b:90"),
     GUARD_2.replace("idle:90", "idle:90,"), GUARD_2.replace("run,done", "run,../x"), GUARD_2.replace(" bad", "\nbad"),
     GUARD_2.replace("idle:90", ",".join(["idle:90"] * 5))],
)  # fmt: skip
def test_a_report_of_another_form_is_none(text: str):
    found = heartbeat_probe.read_heartbeat(answer(text), MARK, is_complete=True)
    assert found is not None and found.guard is None


def test_an_answer_without_gpu_and_guard_is_a_heartbeat():
    assert heartbeat_probe.read_heartbeat(answer("", "", "", ""), MARK, is_complete=True) == Heartbeat(None, Hardware())


def test_greetings_and_carriage_returns_are_ignored():
    greeting = b"Welcome!\ngs-ffffffffffffffff guard\ngs-guard 1\narmed=1\n"
    found = heartbeat_probe.read_heartbeat(greeting + answer().replace(b"\n", b"\r\n"), MARK, is_complete=True)
    assert found is not None and found.guard == REPORT


@pytest.mark.parametrize(
    "text",
    [b"", b"hello", answer()[:-30], answer(mark="gs-other"), answer() + answer(),
     answer(GUARD + f"\n{MARK} disk\n"), answer().replace(b" gpus", b" cuda"), answer().replace(b" end", b" rest")],
)  # fmt: skip
def test_text_of_another_form_is_no_heartbeat(text: bytes):
    assert heartbeat_probe.read_heartbeat(text, MARK, is_complete=True) is None


def test_of_an_incomplete_answer_a_complete_guard_report_is_enough():
    """A GPU driver that hangs must not make a guarded instance seem unreachable."""
    cut = answer()[: answer().index(b"NVIDIA") + 5]
    assert heartbeat_probe.read_heartbeat(cut, MARK, is_complete=False) == Heartbeat(REPORT, Hardware())
    assert heartbeat_probe.read_heartbeat(cut, MARK, is_complete=True) is None


def test_an_incomplete_section_is_not_read():
    """Half a list of GPUs would read as an instance with fewer."""
    cut = answer()[: answer().index(b"NVIDIA GeForce RTX 4090, 24217")]
    assert heartbeat_probe.read_heartbeat(cut, MARK, is_complete=False) == Heartbeat(REPORT, Hardware())


def test_an_incomplete_guard_report_is_never_read():
    whole = answer()
    for end in range(whole.index(f"{MARK} agent".encode()) + len(MARK) + 4):
        assert heartbeat_probe.read_heartbeat(whole[:end], MARK, is_complete=False) is None


@pytest.mark.parametrize(
    ("gpus", "vram"),
    [("[N/A]", None), ("1e999", None), ("-5", None), ("99999999", None), ("40960", 40960)],
)
def test_an_unreadable_memory_size_is_unknown(gpus: str, vram: int | None):
    found = heartbeat_probe.read_heartbeat(answer(gpus=f"A100, {gpus}, 550\n"), MARK, is_complete=True)
    assert found is not None and (found.hardware.gpus, found.hardware.vram_mb) == (("A100",), vram)


@pytest.mark.parametrize("gpus", ["No devices were found\n", "NVIDIA-SMI has failed, because\n", "a, b\n", ", 1, 2\n"])
def test_an_error_message_is_no_gpu(gpus: str):
    found = heartbeat_probe.read_heartbeat(answer(gpus=gpus), MARK, is_complete=True)
    assert found is not None and found.hardware.gpus == ()


def test_gpu_names_are_bounded_and_printable():
    found = heartbeat_probe.read_heartbeat(
        answer(gpus=("\x1b[31mA" + "x" * 500 + ", 1, 2\n") * 1000), MARK, is_complete=True
    )
    assert found is not None
    counted, odd = len(found.hardware.gpus), [g for g in found.hardware.gpus if len(g) > 80 or not g.isprintable()]
    assert (counted, odd) == (heartbeat_probe.MOST_GPUS, [])


@pytest.mark.parametrize(
    "disk", ["", "overlay\n", "a b c\nd e f\n", "head\noverlay x 1 2 3% /\n", f"h\no {'9' * 30} 1 2 3 /"]
)
def test_an_unreadable_disk_size_is_unknown(disk: str):
    found = heartbeat_probe.read_heartbeat(answer(disk=disk), MARK, is_complete=True)
    assert found is not None and found.hardware.disk_gb is None


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_break_the_parser(noise: bytes, is_complete: bool):
    heartbeat_probe.read_heartbeat(noise, MARK, is_complete=is_complete)
    found = heartbeat_probe.read_heartbeat(answer().replace(b"12.4", noise), MARK, is_complete=True)
    assert found is None or found.hardware.cuda == "" or found.hardware.cuda.replace(".", "").isdigit()


HEAD = "Inter-|   Receive    |  Transmit\n face |bytes    packets errs drop|bytes    packets errs drop\n"


@pytest.mark.parametrize(
    ("lines", "found"),
    [("    lo: 900 1 0 0 0 0 0 0 900 1 0 0 0 0 0 0\n  eth0: 70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n", NetworkCount(70, 30)),
     ("  eth0:70 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n", NetworkCount(71, 32)),
     (" docker0: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\nvethab12: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n", None),
     ("  eth0: 70 1 0 0 0 0 0 0 30 1 0\n", None), ("  eth0: -7 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n", None),
     ("  eth0: 9999999999999999 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n", None), ("", None)],
)  # fmt: skip
def test_traffic_is_what_interfaces_that_lead_outside_have_counted(lines: str, found: NetworkCount | None):
    seen = heartbeat_probe.read_heartbeat(answer(network=HEAD + lines), MARK, is_complete=True)
    assert seen is not None and seen.network == found
