#!/bin/sh
# The wall clock, as right or wrong as the test wants it; reading a date is left to the real one.
[ "$1" = +%s ] || exec /mnt/real/date "$@"
read -r up _ </proc/uptime
read -r skew </mnt/clock/wall
echo $((${up%%.*} + skew))
