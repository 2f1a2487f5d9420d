"""Plant the guard, ask it, and read what it says (D7, S29)."""

from __future__ import annotations

import re
import shlex

from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.heartbeat import GuardRenewal, GuardStatus
from gpushopper.remote import boot_script

REPORT_LENGTH = 1000
"""A report has about a hundred characters; what is longer is not one (I18)."""

REPORT = re.compile(
    r"gs-guard 1\narmed=([01])\nwhy=([ -~]{0,200})\nleft=(-?\d{1,15})\nmax_left=(-?\d{1,15})\n"
    r"seq=(\d{1,15})\nholders=([0-2])\n?"
)

REASONS = (
    (r"", "the guard has not tried the instance's own key yet"),
    (r"refused 498", "the container was not given its id and its key"),
    (r"refused 499", "the image has no client for HTTPS: it needs curl, GNU wget or python3"),
    (r"refused (\d+)", r"the provider refuses the instance's own key (status \1)"),
    (r"unclear ", "the provider gave no answer: the instance does not reach it"),
    (r"unclear (\d+)", r"the provider is in trouble (status \1)"),
    (r"ok (\d+)", r"the provider does not show the instance to its own key (status \1)"),
)
"""What the guard's codes mean: it says little, to stay small (S29)."""


def startup_text(
    recipe: GuardRecipe,
    public_key: str,
    life_s: int,
    deadline_s: int,
    max_s: int,
    tick_s: int = 15,
    backoff_s: int = 300,
) -> str:
    """Write the boot script of one attempt: it plants the guard first, then the ssh key.

    `life_s` and `max_s` are the seconds to live and to the hard maximum from now on, `deadline_s` is the unix time of
    the deadline. Refused (`startup_too_long`) when the provider would not take it, ValueError for a term the guard must
    refuse (S29) or a key that is not one line.
    """
    term = boot_script.Term(life_s, max_s, deadline_s, tick_s, backoff_s)
    script = boot_script.planted_script(recipe, boot_script.stripped(boot_script.guard_script()))
    return boot_script.startup_text(script, term, public_key, recipe.max_startup_length)


def status_command() -> str:
    """Write the lines of shell that find the guard and print its status; it starts dead holders again."""
    return on_guard("status")


def renew_command(renewal: GuardRenewal) -> str:
    """Write the lines of shell that hand the guard a renewal and print its status."""
    return on_guard(f"renew {renewal.seq:d} {renewal.left_s:d}")


def on_guard(words: str) -> str:
    """Write the lines that find the guard and ask it, for a shell that `core.shell.CLEAN` has prepared."""
    asked = f'. "$0"\n{boot_script.stripped(boot_script.agent_script(boot_script.OVER_SSH))}{words}'
    return ASK.format(
        folders=boot_script.FOLDERS, path=f"$D/{boot_script.FOLDER}/{boot_script.SCRIPT}", mark=boot_script.END_MARK,
        asked=shlex.quote(asked), words=words,
    )  # fmt: skip


# A guard of a former version has its own answers; asked with ours, it would be read by names it does not have.
ASK = """(
{folders}; do
G={path}
[ -s "$G" ] || continue
read -r x <"$G"
case $x in *\\ {mark}=*) exec sh -c {asked} "$G" ;; esac
exec sh "$G" {words}
done
)"""


def read_report(text: str) -> GuardStatus | None:
    """Read a guard's status; None where no guard answered or the text is anything else (I18)."""
    if len(text) > REPORT_LENGTH or (match := REPORT.fullmatch(text)) is None:
        return None
    armed, code, left, most, seq, holders = match.groups()
    why = "" if armed == "1" else reason(code)
    return GuardStatus(armed == "1", why, max(0, int(left)), max(0, int(most)), int(seq), int(holders))


def reason(code: str) -> str:
    for pattern, meaning in REASONS:
        if match := re.fullmatch(pattern, code):
            return match.expand(meaning)
    return code
