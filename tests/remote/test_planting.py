"""The guard's text of each recipe, and the boot script of each way to plant it; the shell's part is in tests/agent."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from gpushopper.core.cloud import EndingKind, Planting, PlantingMethod
from gpushopper.core.model.guard_recipe import GuardCall, PowerOff, SelfDestroy, ServerTimer, fits
from gpushopper.errors import Refused
from gpushopper.providers.vast.guard_recipe import STARTUP_LIMIT, self_destroy_recipe
from gpushopper.remote import boot_script, guard_files
from gpushopper.remote.planting.guard_text import guard_for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zq5v0b2Jb9n8m7l6k5j4h3g2f1d0s9a8p7o6i5u4y me"
VAST = self_destroy_recipe("https://console.vast.ai")
GRAPHQL = GuardCall("POST", "/graphql", '{"query":"mutation { podTerminate(input: {podId: \\"$ID\\"}) }"}')
SCRIPT = guard_files.stripped(guard_files.guard_script())


def write(recipe, method=PlantingMethod.ONSTART, max_length=None, user="root"):
    planting = Planting(method, user=user)
    return boot_script.write_boot_script(
        recipe, KEY, 3600, 1_800_000_000, 7200, planting=planting, max_length=max_length
    )


def test_a_cloud_with_room_gets_the_same_guard_in_one_piece():
    whole, packed = write(VAST), write(VAST, max_length=STARTUP_LIMIT)
    guard = guard_for(VAST, SCRIPT)
    assert guard in whole and guard not in packed
    assert guard_files.pack(guard) in packed


def test_where_power_off_does_not_end_the_bill_an_early_end_is_reported_and_not_carried_out():
    obeys, waits = (
        boot_script.write_boot_script(PowerOff(("poweroff",)), KEY, 3600, 1_800_000_000, 7200, ends_bill=ends_bill)
        for ends_bill in (True, False)
    )
    assert obeys.replace('! early "$x" || due=$e', ":") == waits != obeys
    assert "early() {" in waits


def test_a_packed_guard_has_short_names_that_it_does_not_use_otherwise():
    guard = guard_for(VAST, SCRIPT)
    short = guard_files.shortened(guard)
    names, letters = zip(*guard_files.SHORT_NAMES.items(), strict=True)
    assert len(set(letters)) == len(letters)
    outside_python = re.sub(r"import sys,.*?' ", "", guard, flags=re.DOTALL)
    for name, letter in guard_files.SHORT_NAMES.items():
        assert not re.search(rf"(?<![\w./%-]){letter}(=|\(\))|\$\{{?{letter}\b", outside_python), letter
        assert not re.search(rf"(^|\$|\{{){name}\b(?![./-])", short), name
    used = guard_files.agent_script(guard_files.OVER_SSH) + guard_files.agent_script("drop.sh")
    assert not [name for name in names if re.search(rf"\${name}\b|^ *{name}( |$)", used, re.MULTILINE)]


def test_a_script_longer_than_the_clouds_limit_is_refused():
    with pytest.raises(Refused, match="takes 1000"):
        write(VAST, max_length=1000)


def test_a_way_for_logins_that_cannot_become_root_is_planted_where_there_is_room_and_never_costs_the_guard():
    recipe, method = PowerOff(("poweroff",)), PlantingMethod.CLOUD_INIT
    whole, less = write(recipe, method, user="user"), write(recipe, method, max_length=16_000, user="user")
    assert len(whole) < 40_000
    assert ["drop.sh" in text for text in (whole, less)] == [True, False]
    assert ["gs-guard.service" in text for text in (whole, less)] == [True, True]
    others = (PlantingMethod.ONSTART, PlantingMethod.COMMAND, PlantingMethod.OVER_SSH)
    assert ["drop.sh" in write(recipe, one) for one in others] == [False] * 3


def test_a_graphql_body_holds_the_id_that_only_the_instance_knows():
    recipe = SelfDestroy("https://x", "ID_IN", "KEY_IN", GuardCall("GET", "/$ID"), (GRAPHQL,))
    functions = guard_for(recipe, "")
    program = f'call() {{ printf "%s" "$3"; }}\nID=pod-1\n{functions}\ndestroy'
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)["query"] == 'mutation { podTerminate(input: {podId: "pod-1"}) }'


@pytest.mark.parametrize(("answers", "made"), [("ok", "AB"), ("unclear", "A")])
def test_a_later_step_waits_for_the_one_before(answers, made):
    steps = GuardCall("DELETE", "/A"), GuardCall("DELETE", "/B")
    functions = guard_for(SelfDestroy("https://x", "I", "K", GuardCall("GET", "/"), steps), "")
    program = f'call() {{ printf "%s" "${{2#/}}"; }}\nanswer() {{ answer={answers}; }}\n{functions}\ndestroy'
    done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == made


def test_a_key_in_another_header_replaces_the_usual_one_for_every_client():
    headers = (("X-API-Key", "$KEY"), ("X-Api-Version", "2"))
    recipe = SelfDestroy("https://x", "I", "K", GuardCall("GET", "/"), (GuardCall("DELETE", "/"),), headers=headers)
    text = guard_for(recipe, SCRIPT)
    assert "Bearer" not in text
    assert text.count("X-API-Key") == text.count("X-Api-Version") == 3
    assert subprocess.run(["sh", "-n"], input=text, text=True, timeout=30, check=False).returncode == 0


@pytest.mark.parametrize("headers", [(), (("A", "1"),), (("A", "$KEY"), ("B", "$KEY")), (("A", "'$KEY"),)])
def test_headers_that_no_client_could_send_are_refused(headers):
    recipe = SelfDestroy("https://x", "I", "K", GuardCall("GET", "/"), (), headers=headers)
    with pytest.raises(ValueError, match="headers"):
        guard_for(recipe, SCRIPT)


@pytest.mark.parametrize("method", PlantingMethod)
@pytest.mark.parametrize("recipe", [VAST, PowerOff(("poweroff -f",)), ServerTimer(), None])
def test_every_boot_script_is_valid_shell_and_lets_our_key_in(method, recipe):
    text = write(recipe, method, user="ubuntu")
    if method is PlantingMethod.CLOUD_INIT:
        text = json.loads(text.partition("\n")[2])["write_files"][0]["content"]
    assert subprocess.run(["sh", "-n"], input=text, text=True, timeout=30, check=False).returncode == 0
    assert (KEY.removesuffix(" me") in text) == (method is not PlantingMethod.OVER_SSH)
    assert ("END-GUARD" in text) == isinstance(recipe, SelfDestroy | PowerOff)


@pytest.mark.parametrize("kind", EndingKind)
def test_exactly_one_recipe_fits_each_kind_of_ending(kind):
    assert [fits(recipe, kind) for recipe in (VAST, ServerTimer(), PowerOff(()), None)].count(True) == 1
