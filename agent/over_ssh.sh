#!/bin/sh
# Sent over ssh with each probe: report the guard's status, renew its deadline, and warn logins of the end.
#
# gpushopper/remote/guard_protocol.py puts above it a line that sources the installed guard.sh, whose functions and
# variables it uses, and below it `status` or `renew SEQ LEFT`. Nothing in here is needed to end an instance. POSIX sh.
#
# A guard of the version before reads no end files: it has no `early`. Everything else here works with both.
# shellcheck disable=SC2034,SC2046,SC2086,SC2154 # numbers are checked where they are read, and lines are split on
# purpose; what is not set or not used here, guard.sh sets or uses

WARN_S=900 LAST_WARN_S=300

# Notes that this computer was heard from, which `end-contact` counts from, and reports.
status() {
  load
  # A guard of the version before leaves a part behind on a full disk.
  keep contact "$id $up" || rm -f "$D/contact.$$"
  report
  command -v early >/dev/null && install
}

# Reads the state, and sets gap, the seconds from the deadline to the hard maximum: a guard need not know them.
know() {
  load
  gap=$((MAX - LIFE + END - wall))
}

# Prints the guard's report, and starts a holder again when both are dead.
report() {
  know
  n=0
  for c in 1 2; do
    ! holder $c || n=$((n + 1))
  done
  armed=0 why=
  [ ! -f "$D/test" ] || read -r armed why <"$D/test"
  early_ends
  printf '%s\n' 'gs-guard 2' armed=$armed "why=$why" left=$left max_left=$((left + gap)) seq=$seq holders=$n \
    "ends=$ends" "parts=$(parts) bad=$bad"
  [ $n != 0 ] || spawn 1
  warn
}

# Sets ends, the early ends that the guard obeys, as REASON:SECONDS with the earliest first, or - where it knows none;
# and bad, the names of the files that it does not obey: damaged, of another life or boot, too late, measured by nobody.
early_ends() {
  ends=- bad=
  command -v early >/dev/null || return 0
  ends=
  for x in idle contact run 'done'; do
    [ -e "$D/end-$x" ] || [ -h "$D/end-$x" ] || continue
    due=$left
    if early $x; then
      set -- $(fetch "end-$x" ' .*')
      ends="$ends$4:$e
"
    else
      bad=$bad${bad:+,}$x
    fi
  done
  ends=$(printf '%s' "$ends" | sort -t : -k 2n | tr '\n' ,)
  ends=${ends%,}
}

# Prints a checksum of the parts that were brought later, - where one is missing. It reads no more than they can have.
parts() {
  for x in upkeep.sh agent.py limits; do
    [ -f "$D/$x" ] || {
      echo -
      return
    }
  done
  set -- $(cd "$D" && cat upkeep.sh agent.py limits | head -c 1048576 | cksum)
  echo ${1:--}
}

# Saves a new deadline, unless the old one has passed. The saved values are absolute: reading them twice is safe.
renew() {
  know
  if [ "$1" -gt $seq ] && [ $left -gt 0 ]; then
    x=$(($2 - left))
    [ $x -lt $gap ] || x=$gap
    keep renewal "$END $1 $((left + x)) $((gap - x)) $((wall + x)) $at $boot" || rm -f "$D/renewal.$$"
  fi
  status
}

# Where the guard has no client for HTTPS (499), installs one; in the first ten minutes only, because later the instance
# belongs to its user. `early` is the mark of a guard that does not do so itself.
install() {
  alive 1
  [ "$armed $why" = '0 refused 499' ] && [ $((up - b / 100)) -lt 600 ] && ! holder 4 || return 0
  # shellcheck disable=SC2016 # for the shell that it starts
  setsid sh -c '. "$0"; alive $$; keep holder4 "$$ $b" || exit
    for x in "apt-get update" "apt-get install -y curl ca-certificates" "apk add curl" "yum install -y curl"; do
      timeout -s KILL 300 $x
    done' "$0" </dev/null >/dev/null &
}

# Warns every terminal of the instance 15 and 5 minutes before this deadline; a new deadline has new warnings. A blocked
# terminal delays its own line only.
warn() {
  [ $left -gt 0 ] && [ $left -le $WARN_S ] || return 0
  x=
  y=15
  [ $left -gt $LAST_WARN_S ] || y=5
  [ ! -f "$D/warned" ] || read -r x <"$D/warned"
  [ "$x" != "$wall $y" ] || return 0
  keep warned "$wall $y"
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
