#!/bin/sh
# Sent over ssh with each probe: report the guard's status, renew its deadline, and warn logins of the end.
#
# gpushopper/remote/guard_protocol.py puts above it a line that sources the installed guard.sh, whose functions and
# variables it uses, and below it `status` or `renew SEQ LEFT`. Nothing in here is needed to end an instance. POSIX sh.
# shellcheck disable=SC2086,SC2154 # numbers are checked where they are read; what is not set here, guard.sh sets

WARN_S=300

# Prints the guard's report, and starts a holder again when both are dead.
status() {
  load
  n=0
  for c in 1 2; do
    ! holder $c || n=$((n + 1))
  done
  armed=0 why=
  read -r armed why <"$D/test"
  printf '%s\n' 'gs-guard 1' armed=$armed "why=$why" left=$left max_left=$((left + gap)) seq=$seq holders=$n
  [ $n != 0 ] || spawn 1
  warn
}

# Saves a new deadline, unless the old one has passed. The saved values are absolute: reading them twice is safe.
renew() {
  load
  if [ "$1" -gt $seq ] && [ $left -gt 0 ]; then
    x=$(($2 - left))
    [ $x -lt $gap ] || x=$gap
    keep renewal "$END $1 $((left + x)) $((gap - x)) $((wall + x)) $at $boot"
  fi
  status
}

# Warns every terminal of the instance once, shortly before this deadline; a new deadline has a new warning. A blocked
# terminal delays its own line only.
warn() {
  [ $left -gt 0 ] && [ $left -le $WARN_S ] || return 0
  x=
  read -r x <"$D/warned"
  [ "$x" != $wall ] || return 0
  keep warned $wall
  x=$(((left + 30) / 60))
  case $x in
    0) x='less than a minute' ;;
    1) x='1 minute' ;;
    *) x="$x minutes" ;;
  esac
  for t in /dev/pts/[0-9]*; do
    printf '\r\ngpu-shopper: this instance ends in %s\r\n' "$x" >"$t" &
  done
}
