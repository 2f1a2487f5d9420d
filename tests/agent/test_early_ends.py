"""End files: which the guard obeys, which it does not, and that none of them moves the deadline (ends.md E1, E4)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from gpushopper.providers.vast.guard_recipe import self_destroy_recipe
from tests.agent.conftest import IMAGES, boot_text
from tests.agent.contained_instance import UPTIME, Image, Instance, make_scratch
from tests.agent.early_ends import BIRTH, BOOT, END, LEFT, MEASURED, NOW, call_functions, end_file, put, seconds_to
from tests.sandbox.live.conftest import wait

RECIPE = self_destroy_recipe("https://console.vast.ai")
IN_THE_WAY = {
    "directory": "mkdir $F",
    "full directory": "mkdir $F; touch $F/a",
    "pipe": "mkfifo $F",
    "link to a pipe": "mkfifo $F-; ln -s $F- $F",
    "endless": "ln -s /dev/zero $F",
    "random": "ln -s /dev/urandom $F",
    "waiting": "ln -s /dev/ptmx $F",
    "link to itself": "ln -s $F $F",
    "link to nothing": "ln -s /nowhere $F",
    "huge": "dd if=/dev/zero of=$F bs=1 count=1 seek=9000000000",
    "binary": f"printf '{END} {BOOT} {NOW}\\0 run\\n' >$F",
    "too far in": f"{{ dd if=/dev/zero bs=300 count=1 | tr '\\0' x; echo; echo '{END} {BOOT} {NOW + 600} run'; }} >$F",
}


@pytest.fixture(scope="module", params=IMAGES)
def shared(request: pytest.FixtureRequest) -> Iterator[Instance]:
    instance = Instance(make_scratch(), IMAGES[request.param], boot_text(RECIPE, unstarted=True))
    try:
        instance.start()
        wait(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"))
        yield instance
    finally:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)


@pytest.fixture
def bench(shared: Instance) -> Instance:
    """An instance as the boot script left it, up for 100 seconds; nothing of ours runs there, nor is it started."""
    shared.sh("cd $HOME/.gs-guard && rm -rf state renewal test contact warned end-* upkeep.sh agent.py limits")
    shared.write_clock("first", f"1 (sh) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {BIRTH} 0")
    shared.write_clock("uptime", f"{NOW}.00 0.00")
    put(shared, "holder1", f"1 {BIRTH}")
    return shared


def test_the_guard_takes_a_complete_file_of_this_life_and_boot(bench):
    for name in ("idle", "contact"):
        put(bench, f"end-{name}", end_file(reason=name))
    for name in ("run", "done"):
        put(bench, f"end-{name}", end_file(NOW + 700, f"{name}-word", ""))
    assert [seconds_to(bench, name) for name in ("idle", "contact", "run", "done")] == ["600", "600", "700", "700"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("idle", ""),
        ("idle", "rubbish"),
        ("idle", "0"),
        ("idle", end_file(measured="")),
        ("idle", end_file(measured=f" {NOW - 10}")),
        ("idle", end_file(measured=MEASURED + " 5")),
        ("idle", end_file(measured=f" {NOW - 60} 1 {BIRTH}")),
        ("idle", end_file(measured=f" {NOW + 1} 1 {BIRTH}")),
        ("idle", end_file(measured=f" {NOW - 10} 1 {BIRTH + 1}")),
        ("idle", end_file(measured=f" {NOW - 10} 99999 {BIRTH}")),
        ("contact", end_file(measured=f" {NOW - 60} 1 {BIRTH}")),
        ("run", end_file(reason="run", measured="", boot="boot-0000")),
        ("run", end_file(reason="run", measured="", boot=".*")),
        ("run", end_file(reason="run", measured="").replace(str(END), str(END + 1))),
        ("run", end_file(NOW + LEFT + 1, "run", "")),
        ("run", end_file(0, "run", "")),
        ("run", end_file(-5, "run", "")),
        ("run", end_file(reason="run", measured="").replace(str(NOW + 600), f"0{NOW + 600}")),
        ("run", end_file(reason="run", measured="").replace(str(NOW + 600), "9" * 16)),
        ("run", end_file(reason="run", measured="").replace(str(NOW + 600), "a[$(reboot)]")),
        ("run", end_file(reason="RUN", measured="")),
        ("run", end_file(reason="r" * 21, measured="")),
        ("run", end_file(reason="", measured="")),
        ("run", end_file(reason="run", measured=" x")),
    ],
)
def test_anything_else_is_no_end_and_is_reported(bench, name, text):
    put(bench, f"end-{name}", text)
    assert seconds_to(bench, name) == ""
    found = bench.status()
    assert (found.left_s, found.ends, found.knows_ends, found.bad_ends) == (LEFT, (), True, (name,))


@pytest.mark.parametrize("state", ["T", "t", "Z"])
def test_what_a_dead_or_stopped_program_measured_is_no_end(bench, state):
    put(bench, "end-idle", end_file())
    assert seconds_to(bench, "idle") == "600"
    first = (bench.scratch / "clock" / "first").read_text()
    bench.write_clock("first", first.replace(" S ", f" {state} ").strip())
    assert seconds_to(bench, "idle") == ""


@pytest.mark.parametrize("way", IN_THE_WAY)
def test_nothing_in_a_files_place_blocks_a_holder_or_is_read_without_end(bench, way):
    bench.sh(f"F=$HOME/.gs-guard/end-run; {IN_THE_WAY[way]}", timeout_s=30)
    assert call_functions(bench, "load; due=$left; early run; echo $left $due") == f"{LEFT} {LEFT}"
    assert bench.status().bad_ends == ("run",)


def test_the_report_has_all_ends_the_earliest_first(bench):
    put(bench, "end-done", end_file(NOW + 90, "done", ""))
    put(bench, "end-run", end_file(NOW + 1000, "run", ""))
    put(bench, "end-idle", end_file(NOW + 300))
    put(bench, "end-contact", "rubbish")
    found = bench.status()
    assert found.ends == (("done", 90), ("idle", 300), ("run", 1000))
    assert (found.left_s, found.bad_ends, found.parts) == (LEFT, ("contact",), "")


def test_an_end_at_the_deadline_counts_and_follows_no_renewal(bench):
    put(bench, "end-run", end_file(NOW + LEFT, "run", ""))
    assert bench.status().ends == (("run", LEFT),)
    found = bench.renew(1, LEFT + 600)
    assert (found.left_s, found.ends) == (LEFT + 600, (("run", LEFT),))
    found = bench.renew(2, 300)
    assert (found.left_s, found.ends, found.bad_ends) == (300, (), ("run",))


def test_each_probe_notes_that_this_computer_was_heard_from(bench):
    bench.status()
    assert bench.sh("cat $HOME/.gs-guard/contact").strip() == f"{BOOT} {NOW}"
    bench.write_clock("uptime", f"{NOW + 60}.00 0.00")
    bench.renew(1, 300)
    assert bench.sh("cat $HOME/.gs-guard/contact").strip() == f"{BOOT} {NOW + 60}"


def test_the_parts_that_came_later_are_reported_by_their_checksum(bench):
    for name in ("upkeep.sh", "agent.py", "limits"):
        assert bench.status().parts == ""
        put(bench, name, f"text of {name}")
    # cksum(1) of these three lines.
    expected = bench.sh("cd $HOME/.gs-guard; cat upkeep.sh agent.py limits | cksum").split()[0]
    assert bench.status().parts == expected
    bench.sh("cd $HOME/.gs-guard; rm limits; mkfifo limits")
    assert bench.status().parts == ""


def test_without_a_client_for_https_a_probe_installs_one_in_the_first_minutes_only(rent, wait_until):
    instance = rent(Image("dash", ()), unstarted=True)
    wait_until(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"), 60)
    put(instance, "holder1", f"1 {BIRTH}")  # alive: a probe starts none
    instance.sh("printf '#!/bin/sh\\necho \"$@\" >>$HOME/asked\\n' >/mnt/bin/apk; chmod +x /mnt/bin/apk")
    rows = (600, "0 refused 499", ""), (599, "0 refused 498", ""), (599, "0 refused 499", "add curl")
    for after_s, test, expected in rows:
        instance.write_clock("uptime", f"{UPTIME + after_s}.00 0.00")
        put(instance, "test", test)
        instance.status()
        if expected:
            wait_until(lambda: instance.sh("cat $HOME/asked").strip(), 30)
        assert instance.sh("cat $HOME/asked").strip() == expected
