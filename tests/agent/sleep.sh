#!/bin/sh
# Sleeps in the instance's own time: the last to lie down moves the clock on, up to where the test lets it go.
read -r up _ </proc/uptime
due=$((${up%%.*} + $1))
exec 9>>/mnt/clock/lock
while :; do
  /mnt/real/flock 9
  read -r up _ </proc/uptime
  up=${up%%.*}
  read -r stop </mnt/clock/stop
  [ "$up" -lt "$due" ] || exit 0
  to=$stop
  [ "$due" -gt "$stop" ] || to=$due
  # In place: the file is mounted over /proc/uptime, and is never seen half written.
  [ "$to" -le "$up" ] || printf '%s.00 0.00\n' "$to" 1<>/mnt/clock/uptime
  /mnt/real/flock -u 9
  [ "$to" -lt "$due" ] || exit 0
  /mnt/real/sleep 0.02
done
