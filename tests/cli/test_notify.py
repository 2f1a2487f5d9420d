"""`notify` as typed: an address is never an argument, and what is printed has none."""

from __future__ import annotations

from pathlib import Path

from gpushopper.cli.commands.set_up.notify import KINDS, TOPICS
from gpushopper.config.alert_channels import ChannelKind
from gpushopper.core.alerts import alert
from tests.cli.in_process import Inside

HOOK = "https://hooks.example.org/T0/SECRET-PART"


def test_the_thin_side_names_the_kinds_and_topics_that_there_are():
    assert tuple(ChannelKind) == KINDS and ",".join(alert.TOPICS) == TOPICS


def test_an_address_on_the_command_line_is_refused_and_not_printed(home: Path):
    for words in (("--kind", "slack", HOOK), ("--kind", "webhook", "--", HOOK)):
        done = Inside(home)("notify", "add", "team", *words)
        assert done.code == 2 and "do not give the address on the command line" in done.err
        assert "SECRET" not in done.out + done.err
    assert not (home / "config.toml").exists()


def test_added_by_a_line_on_stdin_it_is_stored_and_the_key_is_shown_once(home: Path):
    gs = Inside(home)
    done = gs("notify", "add", "lab", "--kind", "webhook", "--file", stdin=f"{HOOK}\n")
    assert done.code == 0, done.err
    assert "its address is in file" in done.out and "whsec_" in done.out and "SECRET" not in done.out
    assert "Try it: gpu-shopper notify test lab" in done.err
    done = gs("notify", "rm", "lab")
    assert (done.code, done.out) == (0, "lab: removed\n")
    assert gs("notify", "rm", "lab").code == 3


def test_a_name_that_cannot_be_is_refused_before_anything_is_asked(home: Path):
    done = Inside(home)("notify", "add", "a.b", "--kind", "slack", answer="never read\n")
    assert done.code == 2 and "2 to 20 small letters and hyphens" in done.err
    assert "Address" not in done.out + done.err


def test_stdin_without_an_address_is_refused(home: Path):
    for stdin in ("", "a\nb\nc\n"):
        done = Inside(home)("notify", "add", "lab", "--kind", "ntfy", "--file", stdin=stdin)
        assert done.code == 2 and "no address on stdin" in done.err
