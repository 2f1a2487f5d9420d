#!/bin/sh
# What is done at each tick of the guard beside the deadline, which needs none of it (ends.md E5-E7). POSIX sh: dash,
# busybox, bash.
#
#   sh upkeep.sh          called by the guard in the background, for at most 60 s and once at a time:
#                         starts the agent, decides the ends of runs, warns terminals, runs the hook before the end
#   sh upkeep.sh done     ends this instance soon; images without python3 have no other way
#   --root R              (first) below another root, for tests
#
# All that users write is hostile or damaged: of it only regular files are read, and their first characters. Times are
# seconds of the boot clock. The variables:
#   D R                  folder of the guard; the root that holds /proc, /dev and the homes
#   up id l_NAME         boot clock, boot id, and the limits
#   x w1 w2 ...          what was read last: one line, and its words
#   going ended longest  runs under way; those that ended and shall end the instance; the longest wait for one of them
#
# Files in D: end-run, end-done; runs-ended (`BOOTID SINCE SUM`: which runs have ended, and when that was first seen);
# told (which warnings the terminals got); done (`BOOTID SINCE`: when `done` was asked for); pulled (`BOOTID UP`: what had
# ended by then was pulled); login (who brought before-end, the hook), before-end.mark (which end it has begun for);
# end-run.room, runs-ended.room, pulled.room (blanks, see room).
# shellcheck disable=SC2010,SC2015,SC2086,SC2154 # ls shows where links lead; `|| return` and `|| continue` cannot fail;
# numbers are checked; limits sets l_NAME
exec 2>/dev/null
umask 077
D=${0%/*} R=
[ "$D" != "$0" ] || D=.
if [ "$1" = --root ]; then
  R=$2
  shift 2
fi
RUNS=.gpu-shopper/runs
MOST_RUNS=2000

# keep FILE TEXT: save a file as a whole; on a full disk over the blanks of `room`, else the old one stays.
keep() {
  printf '%s\n' "$2" >"$D/$1.$$" && mv -f "$D/$1.$$" "$D/$1" && return
  rm -f "$D/$1.$$"
  [ -f "$D/$1.room" ] && printf '%s\n' "$2" 1<>"$D/$1.room" && mv -f "$D/$1.room" "$D/$1"
}

# room FILE: have blanks lie ready for it, while the disk takes them: a run may fill it, and shall end the instance still.
room() {
  [ -f "$D/$1.room" ] || printf '%-200s\n' '' >"$D/$1.room" || rm -f "$D/$1.room"
}

# include run_folder.STATE

# words TEXT: sets w1 to w7.
words() {
  set -f
  # shellcheck disable=SC2086 # split on purpose
  set -- $1
  set +f
  w1=$1 w2=$2 w3=$3 w4=$4 w6=$6 w7=$7
}

# With a zero in front it would be octal.
is_number() {
  case $1 in '' | *[!0-9]* | 0?* | ????????????????*) return 1 ;; esac
}

# Sets the limits; fails where the line is missing or damaged: then nothing is limited.
limits() {
  first "$D/limits" 400 || return
  set -f
  for w in $x; do
    case $w in
      END=* | idle=* | contact=* | disuse=* | warn=* | tick=* | stale=* | hold=* | grace=* | failed=* | land=* | life=*)
        is_number "${w#*=}" || return
        eval "l_${w%%=*}=${w#*=}"
        ;;
    esac
  done
  set +f
  [ "$l_END" ] && [ "$l_warn" ] && [ "$l_hold" ] && [ "$l_failed" ] && [ "${l_tick:-0}" -gt 0 ] || return
  : "${l_land:=$((90 * l_tick))}" "${l_life:=none}"
  [ "${l_grace:-0}" -ge $((9 * l_tick)) ] || l_grace=$((9 * l_tick))
}

now() {
  read -r up x <"$R/proc/uptime" && up=${up%%.*} && read -r id <"$R/proc/sys/kernel/random/boot_id"
}

# ---- the agent ------------------------------------------------------------------------------------------------------

# Whether an agent lives: runs, is no zombie, is not stopped, and is no later process of that number.
agent_lives() {
  first "$D/agent.pid" 60 || return
  words "$x"
  is_number "$w1" && read -r line <"$R/proc/$w1/stat" || return
  set -f
  # shellcheck disable=SC2086 # split on purpose
  set -- ${line##*) }
  set +f
  case $1 in [ZTtX]) return 1 ;; esac
  [ "${20}" = "$w2" ]
}

# The user's variables for Python do not reach it (F126).
start_agent() {
  agent_lives && return
  [ -f "$D/agent.py" ] && command -v python3 >/dev/null || return
  python3 -Es -c 'import sys; sys.exit(sys.version_info < (3, 8))' </dev/null >/dev/null || return
  setsid python3 -Es "$D/agent.py" ${R:+--root "$R"} watch </dev/null >/dev/null &
}

# ---- terminals ------------------------------------------------------------------------------------------------------

# tell KEY TEXT: write to every terminal, once for each key. A blocked terminal delays its own line only.
tell() {
  first "$D/told" 400
  case $x in *"[$id $1]"*) return ;; esac
  keep told "[$id $1]$x"
  for t in "$R"/dev/pts/[0-9]*; do
    # shellcheck disable=SC2016 # it is for the other shell
    timeout -s KILL 5 sh -c 'printf "\r\ngpu-shopper: %s\r\n" "$1" >>"$2"' sh "$2" "$t" </dev/null >/dev/null &
  done
}

# Whether somebody typed in a terminal in the last ten minutes (60 ticks).
typing() {
  x=$(date +%s)
  for t in "$R"/dev/pts/[0-9]*; do
    w=$(stat -c %X "$t") && [ $((x - w)) -lt $((60 * l_tick)) ] && return
  done
  return 1
}

# written NAME: whether there is an end of this life and boot. Sets at and left.
written() {
  first "$D/end-$1" 120 || return
  words "$x"
  [ "$w1 $w2" = "$l_END $id" ] && is_number "$w3" || return
  at=$w3 left=$((w3 - up))
}

# is_due NAME: whether such an end is ahead, and its agent lives where it needs one.
is_due() {
  written $1 && [ $left -gt 0 ] || return
  case $1 in idle | contact) agent_lives ;; esac
}

warn() {
  for name in idle contact run 'done'; do
    is_due $name && [ $left -le "$l_warn" ] || continue
    x=$(((left + 30) / 60))
    case $x in 0) x='less than a minute' ;; 1) x='1 minute' ;; *) x="$x minutes" ;; esac
    case $name in
      idle) y='nothing has been in use; any use keeps it' ;;
      contact) y='nobody has been here for long; any use keeps it' ;;
      run) y='its run has ended' ;;
      done) y='its user is done' ;;
    esac
    tell "$name $at" "this instance ends in $x: $y"
  done
}

# Sets left to the deadline, as the guard has saved it last; fails where it has not in this boot.
deadline() {
  seq=-1
  for name in renewal state; do
    first "$D/$name" 200 || continue
    words "$x"
    [ "$w1 $w7" = "$l_END $id" ] && is_number "$w2" && is_number "${w3#-}" && is_number "$w6" || continue
    [ "$w2" -lt $seq ] || seq=$w2 left=$((w3 - up + w6))
  done
  [ $seq -ge 0 ]
}

# Makes new, the time of an end that waits for files to be pulled, one that the guard obeys: not past the deadline. Where
# that is too near, it stays, and the deadline acts.
before_deadline() {
  deadline && [ $left -ge $((10 * l_tick)) ] && [ $new -gt $((up + left - l_tick)) ] && new=$((up + left - l_tick))
}

# ---- runs -----------------------------------------------------------------------------------------------------------

# Sets wait: how long the run in folder $1, ended with status $s, keeps the instance; fails where it does not end it. In
# its file `ends`: always or success, seconds to hold, whether it waits until its files were pulled (0, 1), and the life
# that it was started in: an image or a lasting disk may have brought it.
wait_of() {
  first "$1/ends" 60 || return
  words "$x"
  case $w1,$w3,$w4 in always,[01],$l_life | success,[01],$l_life) ;; *) return 1 ;; esac
  is_number "$w2" || return
  wait=$l_grace
  [ "$w3" = 0 ] || [ -f "$1/pulled" ] || wait=$w2
  [ "$w1" = always ] || [ "$s" = 0 ] || [ "$wait" -gt "$l_failed" ] || wait=$l_failed
}

# look_at_home FOLDER: look at its runs, unless that was done.
look_at_home() {
  case $seen in *"$NEW_LINE$1$NEW_LINE"*) return ;; esac
  seen=$seen$1$NEW_LINE
  [ ! -d "$1/$RUNS" ] || look_in "$1/$RUNS"
}

# Reads lines of /etc/passwd: some homes lie elsewhere than in /home.
look_at_entries() {
  lines=0
  while [ $lines -lt 1000 ] && IFS=: read -r x x x x x home x; do
    lines=$((lines + 1))
    case $home in /*) look_at_home "$R${home%/}" ;; esac
  done
}

# Looks at everybody's runs. Sets going, ended and longest, and ending where one that is going shall end the instance.
look_at_runs() {
  going=0 ended='' ending='' longest=0 open='' n=0 seen=$NEW_LINE
  for home in "$R/root" "$R"/home/*; do
    look_at_home "$home"
  done
  [ ! -f "$R/etc/passwd" ] || look_at_entries <"$R/etc/passwd"
  # Of a directory service, which is not asked at each tick where there is none.
  [ "$R" ] || ! grep -qsE '^passwd:.*(ldap|sss|nis|winbind)' /etc/nsswitch.conf || look_at_entries <<END
$(timeout -s KILL 5 getent passwd)
END
}

# The same for the runs in one folder.
look_in() {
  for run in "$1"/*; do
    n=$((n + 1))
    # Too many to look at them all: one may be under way.
    [ $n -le $MOST_RUNS ] || going=1
    [ $n -le $MOST_RUNS ] || return
    # A Jupyter server (gpu-shopper jupyter) goes on until the end: waiting for it would be for ever.
    case ${run##*/} in before-end | jupyter-* | *[!A-Za-z0-9_-]*) continue ;; esac
    [ -d "$run" ] && [ ! -h "$run" ] || continue
    # Most have ended, and end nothing.
    [ ! -f "$run/status" ] || [ -f "$run/ends" ] || continue
    state "$run"
    case $s in
      running)
        going=$((going + 1))
        [ ! -f "$run/ends" ] || ending=1
        ;;
      'not started') ;;
      *)
        wait_of "$run" || continue
        ended="$ended $run"
        [ "$wait" -lt $longest ] || longest=$wait
        ;;
    esac
  done
}

# Sets since: when it was first seen that just these runs have ended, and no other is under way.
ended_since() {
  words "$(printf %s "$ended" | cksum)"
  sum=$w1-$w2
  first "$D/runs-ended" 90
  words "$x"
  since=$w2
  [ "$w1 $w3" = "$id $sum" ] && is_number "$since" && [ "$since" -le "$up" ] && return
  rm -f "$D/end-run"
  since=$up
  keep runs-ended "$id $up $sum"
}

# Writes or withdraws end-run: once a run that shall end the instance has ended, and no other is under way. Somebody who
# types delays it, for ten minutes at most. Files that were pulled make it sooner.
runs() {
  look_at_runs
  if [ ! "$ended" ] || [ $going != 0 ]; then
    rm -f "$D/end-run" "$D/runs-ended"
    [ ! "$ending" ] || {
      room end-run
      room runs-ended
    }
    return
  fi
  ended_since || return
  if [ $((up - since)) -lt $((60 * l_tick)) ] && typing; then
    rm -f "$D/end-run"
    tell "typing $since" 'a run has ended; this instance waits for you, ten minutes at most, and then ends'
    return
  fi
  new=$((since + longest))
  [ $new -gt $((up + l_grace)) ] || new=$((up + l_grace))
  before_deadline
  # One whose time has come stays: the guard is at work.
  written run && [ $at -le $new ] || keep end-run "$l_END $id $new run"
}

# ---- done -----------------------------------------------------------------------------------------------------------

# Sets wait for an end by `done`: at least 90 s, so that others hear of it (E5).
wait_for_done() {
  wait=$((9 * l_tick + 1))
  [ "$l_hold" -lt $wait ] || wait=$((l_hold + 1))
}

# Where power-off ends no bill, the guard leaves early ends to the user's computer (E9), and its loop does not ask for any.
say_end() {
  echo "this instance ends in $1 s"
  [ ! -f "$D/guard.sh" ] || grep -q '|| due=' "$D/guard.sh" ||
    echo 'your computer ends it then; while that is off or asleep, it bills on, also past its deadline'
}

# An end that is there already becomes no later: what was pulled since it was asked for would be waited for again.
end_by_done() {
  wait_for_done
  new=$((up + wait))
  before_deadline
  if written 'done' && [ $at -le $new ]; then
    [ $left -gt 0 ] || left=0
    say_end $left
  elif keep 'done' "$id $up" && keep end-done "$l_END $id $new done"; then
    say_end $((new - up))
  else
    echo "cannot write in $D: are you root, is the disk full?"
    exit 1
  fi
}

# Files that were pulled after `done` make its end sooner.
pulled_after_done() {
  is_due 'done' && [ $left -gt "$l_grace" ] || return
  first "$D/pulled" 60 || return
  words "$x"
  [ "$w1" = "$id" ] && is_number "$w2" || return
  since=$w2
  first "$D/done" 60
  words "$x"
  [ "$w1" = "$id" ] && is_number "$w2" && [ "$since" -ge "$w2" ] || return
  keep end-done "$l_END $id $((up + l_grace)) done"
}

# include hook.sh

now || exit
case $1 in
  done)
    limits || {
      echo 'this instance has no limits; end it on your computer: gpu-shopper done NAME'
      exit 1
    }
    end_by_done
    ;;
  *)
    # shellcheck disable=SC2016 # for the shell that it starts
    [ "$R" ] || [ ! -f "$D/drop.sh" ] || sh -c '. "$0"; . "${0%/*}/over_ssh.sh"; . "${0%/*}/drop.sh"' "$D/guard.sh"
    start_agent
    if limits; then
      [ "$l_hold" = 0 ] || room pulled
      runs
      pulled_after_done
      warn
      hook
    else
      rm -f "$D/end-run"
    fi
    ;;
esac
