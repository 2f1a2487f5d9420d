"""Reach a VM's guard from a login that cannot become root: by a folder of which root reads digits alone (ends.md E4).

The programs for root come with the VM's cloud-init, for such a login cannot bring them.
The other side is agent/drop.sh.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable

from gpushopper.remote import guard_files
from gpushopper.remote.agent_files import AGENT, UPKEEP, agent_text, upkeep_text
from gpushopper.remote.planting import done_command

DROP = "drop.sh"
NUMBERS = ("idle", "when", "contact", "disuse", "warn", "tick", "stale", "hold", "grace", "failed", "land", "life")
"""The limits that can be dropped, in the order in which agent/drop.sh reads them."""
FRESH_S = 60
"""A report that is older, in seconds of the boot clock, is none: four ticks of the guard."""

# Where the folder is another's, or not there, there is nothing to say. `put FILE DIGITS` leaves a request.
FIND = f"""\
P={done_command.DROP_FOLDERS}
I=$P/$(id -un)
[ $(id -u) != 0 ] && [ -d "$I" ] && [ -w "$I" ] || exit 0
read -r up x </proc/uptime
up=${{up%%.*}}
put() {{
printf '%s\\n' "$2" >"$I/$1.new" && mv -f "$I/$1.new" "$I/$1"
}}
"""

# Its seconds count from when it was written.
_REPORT = f"""\
read -r a b <"$P/report"
read -r x </proc/sys/kernel/random/boot_id
[ "$b" = "$x" ] && [ "$a" -le "$up" ] && [ $((up - a)) -le {FRESH_S} ] || exit 0
sed 1d "$P/report" | while IFS= read -r y; do
case $y in
left=* | max_left=*) y=${{y%%=*}}=$((${{y#*=}} - up + a)) ;;
esac
printf '%s\\n' "$y"
done
"""

_PLANT = """\
P={drops}
mkdir -p $P
chmod 755 $P
for U in {users}; do
id -u $U && mkdir -p $P/$U && chown $U: $P/$U
done
"""


def plant(users: Iterable[str]) -> str:
    """Lines of a boot script, after the guard's: the programs for root, and a folder for each of these users."""
    texts = {
        guard_files.OVER_SSH: guard_files.stripped(guard_files.agent_script(guard_files.OVER_SSH)),
        DROP: guard_files.stripped(guard_files.agent_script(DROP)),
        AGENT: agent_text(),
        UPKEEP: guard_files.stripped(upkeep_text()),
    }
    files = "".join(_packed(name, text) for name, text in texts.items())
    ordinary = " ".join(user for user in dict.fromkeys(users) if user != "root")
    return files + _PLANT.format(drops=done_command.DROP_FOLDERS, users=ordinary) + done_command.INSTALL


def _packed(name: str, text: str) -> str:
    payload = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
    return f"base64 -d <<E | gzip -dc >$D/{name}.new && mv -f $D/{name}.new $D/{name}\n{payload}\nE\n"


def status_lines() -> str:
    """Lines that tell that this computer is here, and print the latest report of the guard."""
    return f'{FIND}put heard "$up"\n{_REPORT}'


def renew_lines(seq: int, left_s: int) -> str:
    """The same with a new deadline, which a later report shows."""
    return f'{FIND}put renew "{seq:d} {left_s:d} $up"\n{_REPORT}'


def limit_numbers(line: str) -> str:
    """A line of limits (`core/lifecycle/ends/limits_line.py`) as numbers; what is not given is 0."""
    words = dict(word.split("=", 1) for word in line.split()) | {"when": "1" if "when=gpu" in line.split() else "0"}
    return " ".join(words.get(name, "0") for name in NUMBERS)
