"""Lines of shell that install `gpu-shopper-done` on an instance: whoever works there ends it with that (ends.md E4).

What it does is upkeep.sh's; the daemon hears of it over the attempt's own pinned login, and of no other.
"""

from __future__ import annotations

NAME = "gpu-shopper-done"
PLACE = rf"(?:/[A-Za-z0-9._+-]{{1,100}}){{1,20}}/{NAME}|{NAME}"
"""What may be answered as C: the name alone, or a path; it is shown to be typed."""

DROP_FOLDERS = "/var/lib/gs-drop"
"""Below it each login that cannot become root has a folder where it may ask for this (agent/drop.sh)."""

IN_PATH = "/usr/local/bin"

# Another program of that name stays as it is; the one of our own image (agent/Dockerfile) does the same.
INSTALL = f"""\
x="#!/bin/sh
# Ends this instance soon: the work here is done.
D='$D'
[ \\$(id -u) = 0 ] || ! sudo -n true </dev/null 2>/dev/null || exec sudo -n /bin/sh \\"\\$D/upkeep.sh\\" done
P={DROP_FOLDERS}/\\$(id -un)
if [ \\$(id -u) != 0 ] && [ -w \\"\\$P\\" ]; then
read -r x y </proc/uptime
echo \\${{x%%.*}} >\\"\\$P/done\\" && echo 'this instance is told to end: soon, or once its results are pulled'
exit
fi
exec /bin/sh \\"\\$D/upkeep.sh\\" done"
is_ours() {{
[ -f "$1" ] && grep -q '/upkeep.sh" done$' "$1"
}}
for d in "$D" {IN_PATH} {DROP_FOLDERS}; do
[ -d "$d" ] || continue
C=$d/{NAME}
[ ! -e "$C" ] && [ ! -h "$C" ] || is_ours "$C" || continue
rm -f "$C.new"
(set -C; printf '%s\\n' "$x" >"$C.new") && chmod 755 "$C.new" && mv -f "$C.new" "$C" || rm -f "$C.new"
done
C=$D/{NAME}
! is_ours {IN_PATH}/{NAME} || C={NAME}
"""
"""Needs D, the guard's folder, and sets C: how a login calls it."""
