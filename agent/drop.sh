#!/bin/sh
# Serves logins that cannot become root (ends.md E4). Each has a folder of its own below /var/lib/gs-drop, where it may
# leave what it asks for: of that only digits are read. The report for them lies beside those folders.
#
# Planted with a VM's cloud-init, which runs as root. upkeep.sh runs it at each tick, after guard.sh and over_ssh.sh,
# whose functions and variables it uses. POSIX sh.
#
#   renew    SEQ LEFT UP     a new deadline, LEFT seconds after UP on the boot clock
#   heard    UP              this computer was heard from
#   pulled   UP              its results were pulled
#   done     UP              it shall end soon
#   limits   NUMBERS         in the order of LIMITS below; `when` is 1 for gpu
# shellcheck disable=SC2034,SC2046,SC2086,SC2154 # numbers are checked where they are read, and lines are split on purpose
P=/var/lib/gs-drop
NUMBER='(0|[1-9][0-9]{0,11})'
LIMITS='idle when contact disuse warn tick stale hold grace failed land life'

# digits FILE: print its first line where that is numbers alone, and remove the file: each is read once. Whatever lies in
# its place, this neither blocks nor reads on for ever. A folder stays: its owner could put a link to what is
# root's in the place of one inside while root goes through it. With a zero in front a number is octal.
digits() {
  [ -e "$1" ] || [ -h "$1" ] || return
  [ ! -f "$1" ] || [ -h "$1" ] || timeout -s KILL 5 head -c 200 "$1" | grep -xE "$NUMBER( $NUMBER){0,11}" | head -n 1
  rm -f "$1"
}

# show FILE TEXT: for every login to read.
show() (
  umask 022
  rm -rf "$P/$1.new"
  printf '%s\n' "$2" >"$P/$1.new" && mv -f "$P/$1.new" "$P/$1"
)

# limits NUMBERS: the line for agent and upkeep, of this life.
limits() {
  made=END=$END
  for x in $LIMITS; do
    [ $# -gt 0 ] || return
    case $x$1 in
      when0) made="$made when=any" ;;
      when*) made="$made when=gpu" ;;
      land0) ;;
      *) made="$made $x=$1" ;;
    esac
    shift
  done
  [ $# = 0 ] && keep limits "$made"
}

# far SEQ: a number after which soon none would fit: seconds since 1970 have ten digits, and ours may be the one after.
far() {
  [ "$1" -gt 9999999999 ] && [ "$1" -gt $((seq + 9)) ]
}

# Takes over what the login of folder $1 asks for. Sets words, what over_ssh.sh shall do for it.
take() {
  set -- "$1" $(digits "$1/heard")
  [ $# != 2 ] || [ "$2" -gt "$up" ] || words=status
  set -- "$1" $(digits "$1/renew")
  [ $# != 4 ] || [ "$4" -gt "$up" ] || far "$2" || words="renew $2 $(($3 - up + $4))"
  set -- "$1" $(digits "$1/pulled")
  [ $# != 2 ] || [ "$2" -gt "$up" ] || keep pulled "$id $2"
  numbers=$(digits "$1/limits")
  [ ! "$numbers" ] || ! limits $numbers || show taken "$numbers"
  set -- "$1" $(digits "$1/done")
  [ $# != 2 ] || [ "$2" -gt "$up" ] || sh "$D/upkeep.sh" 'done' >/dev/null
}

# What was asked for before a restart is of another boot clock.
forget() {
  read -r x <"$D/drop-boot"
  [ "$x" = "$id" ] || rm -f "$P"/*/heard "$P"/*/renew "$P"/*/pulled "$P"/*/done
  keep drop-boot "$id"
}

load
forget
words=report
for folder in "$P"/*/; do
  folder=${folder%/}
  [ -d "$folder" ] && [ ! -h "$folder" ] && take "$folder"
done
show report "$up $id
$($words)"
[ ! -f "$D/report.json" ] || show use "$(head -c 16385 "$D/report.json")"
