"""End files for the tests of early ends, in an instance whose guard is installed and not started."""

from __future__ import annotations

from gpushopper.remote import guard_files
from tests.agent.conftest import LIFE
from tests.agent.contained_instance import TRUE_START, UPTIME, Instance

END, BOOT, NOW = TRUE_START + LIFE, "boot-0001", UPTIME + 100
LEFT = LIFE - 100
BIRTH = UPTIME * 100
"""Of process 1, which stands for the program that measures."""
MEASURED = f" {NOW - 10} 1 {BIRTH}"


def call_functions(instance: Instance, words: str) -> str:
    """Call functions of the installed guard, as a holder's process does."""
    words = guard_files.shortened(words)
    said = instance.sh(f"sh -c '. \"$0\"; {words}' $HOME/.gs-guard/guard.sh")
    return said.strip()


def end_file(at: int = NOW + 600, reason: str = "idle", measured: str = MEASURED, boot: str = BOOT) -> str:
    return f"{END} {boot} {at} {reason}{measured}"


def put(instance: Instance, name: str, text: str) -> None:
    instance.sh(f"printf '%s\\n' '{text}' >$HOME/.gs-guard/{name}")


def seconds_to(instance: Instance, name: str) -> str:
    """Seconds to this early end as a holder reads it; empty where it is none."""
    return call_functions(instance, f"load; due=$left; ! early {name} || echo $e")
