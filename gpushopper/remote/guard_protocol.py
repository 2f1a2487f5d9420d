"""Talk to the guard over ssh: the status and renew commands (a new deadline), and its report parsed (D7, S29)."""

from __future__ import annotations

import re
import shlex

from gpushopper.core.model.heartbeat import GuardRenewal, GuardStatus
from gpushopper.remote import guard_files
from gpushopper.remote.planting import drop_folder

REPORT_LENGTH = 1000
"""A report has about two hundred characters; a longer text is not one (I18)."""

_END = r"[a-z-]{1,20}:-?\d{1,15}"
REPORT = re.compile(
    r"gs-guard ([12])\narmed=([01])\nwhy=([ -~]{0,200})\nleft=(-?\d{1,15})\nmax_left=(-?\d{1,15})\n"
    rf"seq=(\d{{1,15}})\nholders=([0-2])(?:\nends=(-|(?:{_END}(?:,{_END}){{0,3}})?)\n"
    r"parts=(-|\d{1,10}) bad=((?:[a-z]{1,10}(?:,[a-z]{1,10}){0,3})?))?\n?"
)
"""Of version 1 up to `holders`: guards of before answer so by themselves. `ends=-`: one that knows no early ends."""

REASONS = (
    (r"", "the guard has not tried the instance's own key yet"),
    (r"refused 498", "the container was not given its id and its key"),
    (r"refused 497", "it runs as a user who may not power the VM off"),
    (r"refused 499", "the image has no client for HTTPS: it needs curl, GNU wget or python3"),
    (r"refused (\d+)", r"the provider refuses the instance's own key (status \1)"),
    (r"unclear ", "the provider gave no answer: the instance does not reach it"),
    (r"unclear (\d+)", r"the provider fails (status \1)"),
    (r"ok (\d+)", r"the provider does not show the instance to its own key (status \1)"),
)
"""What the guard's codes mean; it sends codes to stay small (S29)."""


def status_command() -> str:
    """The lines of shell that find the guard and print its report; dead holders are started again."""
    return _guard_command("status", drop_folder.status_lines())


def renew_command(renewal: GuardRenewal) -> str:
    """The lines of shell that send the guard a renewal and print its report."""
    words = f"renew {renewal.seq:d} {renewal.left_s:d}"
    return _guard_command(words, drop_folder.renew_lines(renewal.seq, renewal.left_s))


def _guard_command(words: str, drop_lines: str) -> str:
    """The lines that find the guard and call `words` in it; the shell must have run `shell_environment.CLEAN`.

    `drop_lines` are for a login that finds none and cannot become root.
    """
    script = f'. "$0"\n{guard_files.stripped(guard_files.agent_script(guard_files.OVER_SSH))}{words}'
    find = _FIND.format(
        folders=guard_files.FOLDERS, path=f"$D/{guard_files.FOLDER}/{guard_files.SCRIPT}", mark=guard_files.END_MARK,
        script=shlex.quote(script), words=words,
    )  # fmt: skip
    return f"(\n{_as_root(find)}{find}{drop_lines})"


def plant_command(boot_script: str, guard_lines: str) -> str:
    """Lines that run `guard_lines`, and where no guard answers first install one, as root if that is possible."""
    install = f"{_as_root(boot_script)}{boot_script}"
    ask = f"x=$(\n{guard_lines}\n)"  # on lines of its own: `$((` would begin an arithmetic expression
    return f'{ask}\n[ "$x" ] || {{\n(\n{install}) >/dev/null\n{ask}\n}}\nprintf \'%s\\n\' "$x"'


def _as_root(lines: str) -> str:
    """A line that leaves the rest to root, where we are not root and `sudo` needs no password (ends.md E4)."""
    return f"[ $(id -u) = 0 ] || ! sudo -n true || exec sudo -n /bin/sh -c {shlex.quote(_ROOTS + lines)}\n"


# A guard of an older version answers by itself: our functions would use names that it does not have.
_FIND = """\
{folders}; do
G={path}
[ -s "$G" ] || continue
read -r x <"$G"
case $x in *\\ {mark}=*) exec sh -c {script} "$G" ;; esac
exec sh "$G" {words}
done
"""

# sudo sets an environment of its own; PATH is that of its configuration.
_ROOTS = "export LC_ALL=C\n"


def read_report(text: str) -> GuardStatus | None:
    """Parse a guard's report; None where no guard answered, or the text is anything else (I18)."""
    if len(text) > REPORT_LENGTH or (match := REPORT.fullmatch(text)) is None:
        return None
    version, armed, code, left, most, seq, holders, ends, parts, bad = match.groups()
    if (version == "2") != (ends is not None):
        return None
    return GuardStatus(
        armed=armed == "1",
        why="" if armed == "1" else _reason(code),
        left_s=max(0, int(left)),
        max_left_s=max(0, int(most)),
        seq=int(seq),
        holders=int(holders),
        ends=_ends(ends or ""),
        knows_ends=ends not in (None, "-"),
        parts=parts if parts and parts != "-" else "",
        bad_ends=tuple(bad.split(",")) if bad else (),
    )


def _ends(words: str) -> tuple[tuple[str, int], ...]:
    """Reason and seconds of each early end, from `REASON:SECONDS,...`; none from `-` and from an empty text."""
    pairs = [word.split(":") for word in words.split(",")] if ":" in words else []
    return tuple((reason, max(0, int(seconds))) for reason, seconds in pairs)


def _reason(code: str) -> str:
    for pattern, meaning in REASONS:
        if match := re.fullmatch(pattern, code):
            return match.expand(meaning)
    return code
