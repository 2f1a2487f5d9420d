#!/bin/sh
# What is sent along with a call over ssh: how a guard is asked and renewed, and how logins are warned of the end.
#
# gpushopper/remote/guard_protocol.py puts it behind the line that reads the planted guard.sh, whose functions and names it uses,
# and puts `status` or `renew SEQ LEFT` below it. Nothing in here is needed to end an instance. POSIX sh.
# shellcheck disable=SC2086,SC2154 # numbers are checked where they are read; what is not set here is guard.sh's

WARN_S=300

# Says how the guard stands, and starts it again when both its holders are dead.
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

# Ended is ended: no renewal after the deadline. What is written is absolute: any holder may take it in, or twice.
renew() {
  load
  if [ "$1" -gt $seq ] && [ $left -gt 0 ]; then
    x=$(($2 - left))
    [ $x -lt $gap ] || x=$gap
    keep renewal "$END $1 $((left + x)) $((gap - x)) $((wall + x)) $at $boot"
  fi
  status
}

# Tells every terminal of the instance once, shortly before this end; another end is another warning. A terminal that
# takes nothing holds up its own line only.
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
