"""Lines of shell that tell an instance that its results were pulled: what agent and upkeep look for (ends.md E7).

The marks are `pulled` in the guard's folder, and in the folder of each run that has ended and ends the session. What
counts is what had ended before anything was listed: the results of a run that ends during a long pull may be missing
from it. So each mark is first put there as `pulling`.
"""

from __future__ import annotations

from gpushopper.remote.agent.parts import in_guard_folder

# A full disk takes no new text: upkeep.sh has blanks lie ready.
_BEGIN = """\
umask 077
read -r x y </proc/uptime
read -r y </proc/sys/kernel/random/boot_id
x="$y ${x%%.*}"
rm -f "$D/pulling.new"
printf '%s\\n' "$x" >"$D/pulling.new" && mv -f "$D/pulling.new" "$D/pulling" || {
rm -f "$D/pulling.new"
[ ! -f "$D/pulled.room" ] || mv -f "$D/pulled.room" "$D/pulling"
[ ! -f "$D/pulling" ] || printf '%s\\n' "$x" 1<>"$D/pulling"
}
"""
_PULLED = '[ ! -f "$D/pulling" ] || mv -f "$D/pulling" "$D/pulled"\n'

# Of a login that cannot become root (planting/drop_folder.py).
_DROP_BEGIN, _DROP_PULLED = 'put pulling "$up"\n', '[ ! -f "$I/pulling" ] || mv -f "$I/pulling" "$I/pulled"\n'

# Their users may have put links there: nothing is written through one.
_RUNS = """\
put_mark() {{
[ -e "$r/$1" ] || [ -h "$r/$1" ] || (set -C; : >"$r/$1")
}}
begin() {{
x=
[ -f "$r/status" ] || [ ! -f "$r/pid" ] || [ -h "$r/pid" ] || read -r x <"$r/pid" || :
case $x in *[!0-9]*) x= ;; esac
[ -n "$x" ] && [ -d "/proc/$x" ] || put_mark pulling
}}
pulled() {{
[ ! -f "$r/pulling" ] || put_mark pulled
}}
for h in /root /home/* $(getent passwd | head -n 1000 | sed -n 's,^\\([^:]*:\\)\\{{5\\}}\\(/[^:]*\\):.*,\\2,p'); do
for r in "${{h%/}}"/.gpu-shopper/runs/*; do
[ -d "$r" ] && [ ! -h "$r" ] && [ -f "$r/ends" ] || continue
{step}
done
done
:
"""


def begin_lines() -> str:
    """Lines to run before anything is listed."""
    runs = _RUNS.format(step="begin")
    return in_guard_folder(_BEGIN + runs, _DROP_BEGIN + runs)


def pulled_lines() -> str:
    """Lines to run once all of it is here."""
    runs = _RUNS.format(step="pulled")
    return in_guard_folder(_PULLED + runs, _DROP_PULLED + runs)
