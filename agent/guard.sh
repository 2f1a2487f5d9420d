#!/bin/sh
# The guard: ends this instance at its deadline, by itself (D7, F85-F94). POSIX sh: dash, busybox, bash.
#
# The boot script (gpushopper/remote/boot_script.py) installs it without its comments, and puts these lines above it:
#   LIFE MAX            seconds to live, and to the hard maximum
#   END                 the unix time at which LIFE is over; it also marks the files below as of this one life
#   TICK BACK           seconds between two readings of the clock; the longest pause between two tries to end
#   URL ID_IN KEY_IN    where to call, and the variables that hold this instance's id and key
#   see destroy stop    functions: one `call` each
#   last                function: the last-resort commands, one after the other
#
# Everything that ends the instance is in here, because our computer may never connect again. What is only needed when
# it does is sent over ssh each time: over_ssh.sh, which sources this file and uses D, id, up, at, boot, left, wall, seq,
# keep, load, alive, holder and spawn, and in guards that have them `early`, e, due and fetch. Those names must not change:
# guards that already run have them. The boot script sets PATH and removes the user's variables that would break these
# tools; it shortens other names where it packs this file.
#
# Others may end the instance before its deadline, by end files (end-idle, end-contact, end-run, end-done). Nothing in
# one can move the deadline, and the guard needs none of the programs that write them.
#
# Names are short because a provider limits the number of characters (S29). The variables:
#   left wall           seconds to the deadline; the deadline in unix time
#   seq at boot         number of the last renewal; boot-clock seconds and boot id for which `left` was counted
#   due e reason        seconds to the earliest end; to the end of one file, and its reason
#   K n next since no   this holder's number; its ticks; when the next try to end is, when the first was; refusals so far
#   answer code text    meaning, HTTP status and text of the last reply
#
# Files beside it: state and renewal (one line each, replaced as a whole), key (0600), test (result of the self-test),
# holder1 and holder2 (pid and start time), holder3 (the same of what runs upkeep.sh). All times are of the boot clock, /proc/uptime, except the wall-clock
# deadline in the state, which is only read after a restart (F90).
#
# Numbers and paths are not quoted, for the same reason.
# shellcheck disable=SC2046,SC2086 # they are checked where they are read, and lines are split on purpose
exec 2>/dev/null
umask 077
D=${0%/*}

# keep FILE TEXT: save a file atomically and synced; on a full disk the old file stays, and beside it one part for
# each holder: one for each process would fill the folder.
keep() {
  printf '%s\n' "$2" | dd of="$D/$1.$K" conv=fsync && mv -f "$D/$1.$K" "$D/$1"
}

# fetch FILE PATTERN: print its lines of this form. Whatever lies in the file's place, this neither blocks nor reads on
# for ever: the user's programs are root here.
fetch() {
  [ -f "$D/$1" ] && head -c 200 "$D/$1" | grep -xE "$END$2"
}

# ---- own id and key ---------------------------------------------------------------------------------------------

# env VARIABLE: its value here, else in process 1: ssh logins do not inherit the container's variables. Sets x.
env() {
  eval "x=\$$1"
  [ "$x" ] || x=$(tr '\0' '\n' </proc/1/environ | sed -n "s/^$1=//p")
}

# Sets ID and KEY: from the file `key`, for restarts over ssh, else from the variables. The file is also wget's
# configuration: its first line is a comment there.
who() {
  read -r x ID KEY <"$D/key" && [ "$KEY" ] && return
  env $ID_IN
  ID=$x
  env $KEY_IN
  KEY=$x
  case ,$ID,$KEY, in
    *,,* | *[!A-Za-z0-9_.~+/=,-]*) KEY= ;;
    *) keep key "# $ID $KEY
header=Authorization: Bearer $KEY" ;;
  esac
}

# ---- calls: the key never in an argument (F93), TLS verified, each bounded in time and size (I18) -------------------
# Without the user's proxies: the refusal of a proxy would be read as the provider's.

via_curl() {
  printf 'header="Authorization: Bearer %s"\n' "$KEY" |
    curl -qgsi --noproxy '*' -m 15 -K - -X "$1" -H 'Content-Type: application/json' -d "$3" "$URL$2"
}

via_wget() {
  timeout -s KILL 15 wget --config="$D/key" --no-proxy -qSO- -t1 --max-redirect=0 --content-on-error --method="$1" \
    --header='Content-Type: application/json' --body-data="$3" "$URL$2" 2>&1
}

via_python3() {
  printf '%s\n' "$KEY" | timeout -s KILL 15 python3 -Ic 'import sys,http.client as h
_,u,m,p,b=sys.argv
k=input()
s,u=u.split("://")
c=getattr(h,s.upper()+"Connection")(u)
c.request(m,p,b,{"Authorization":"Bearer "+k,"Content-Type":"application/json"})
r=c.getresponse()
print("HTTP/1",r.status,"\n",r.headers,r.read(65536))' "$URL" "$@"
}

# field PATTERN: the group's match in the last line that begins with the pattern.
field() {
  printf '%s\n' "$text" | sed -n "s,^ *$1.*,\1,p" | tail -n 1
}

# call METHOD PATH BODY: sets code and text (headers and body). Empty code: no answer. 498: no key to call with, 499:
# no client here; both refuse for good. Only GNU wget knows methods, and busybox's does not verify TLS.
call() {
  text=
  code=498
  [ "$KEY" ] || return
  code=499
  for c in curl wget python3; do
    command -v $c || continue
    [ $c != wget ] || wget --version | grep -q GNU || continue
    text=$(via_$c "$@" | head -c 65536)
    code=$(field 'HTTP/[0-9.]* \([0-9]*\)')
    [ ! "$code" ] || return
  done
}

# Sets answer, the meaning of the reply: ok (done, or not found), refused (by this key), unclear (try again).
answer() {
  answer=unclear
  case $code$text in
    404*auth_error* | 404*'user key'*) answer=refused ;;
    2* | 404*) answer=ok ;;
    408* | 429*) ;;
    4*) answer=refused ;;
  esac
}

# Whether the reply is about this instance.
ours() {
  printf '%s\n' "$text" | grep -qw "\"id\": *\"*$ID"
}

# ---- time -------------------------------------------------------------------------------------------------------

# Sets left after a restart: what the ticks left, less the tick that was not counted, or what the wall clock leaves,
# whichever is less. Where they are more than ten minutes apart the provider's Date decides, but never above the ticks
# (F89, F90, I12); the time of that request is subtracted, because the ticks are older. Only holders send it: a status
# must not wait.
resume() {
  [ ! "$boot" ] || left=$((left - TICK))
  now=$(date +%s)
  x=$((wall - now - left))
  if [ ${x#-} -gt 600 ] && [ "$K" ]; then
    for c in 1 2 3 4; do
      see
      x=$(field '[Dd]ate: *\(.*T\)')
      if [ "$x" ]; then
        x=$(date -ud "$x" +%s || date -uD '%a, %d %b %Y %T' -d "$x" +%s)
        [ ! "$x" ] || now=$((x - $(date +%s) + now))
        break
      fi
      sleep 5
    done
  fi
  x=$((wall - now))
  [ $x -gt $left ] || left=$x
}

# Reads the state and sets left for `at` = now: from the state, or from a renewal with a higher number; where both are
# missing or damaged, from what this process knew, else from the boot script's values less the age of process 1. Nothing
# here moves the deadline to a later time.
load() {
  for x in renewal state; do
    set -- $(fetch $x "$N{5} .+")
    [ "$2" -ge $seq ] && seq=$2 left=$3 wall=$5 at=$6 boot=$7
  done
  # After the files: the other holder may save a later second meanwhile, which would look like a restart.
  read -r up x </proc/uptime
  up=${up%%.*} id=-
  read -r id </proc/sys/kernel/random/boot_id
  if [ ! "$boot" ]; then
    alive 1
    x=$((up - b / 100))
    [ $x -gt 0 ] || x=0
    left=$((LIFE - x)) wall=$END at=$up
  fi
  if [ "$boot" = $id ] && [ $up -ge $at ]; then
    left=$((left - up + at))
  else
    resume
  fi
  at=$up boot=$id
}

# ---- ends before the deadline ------------------------------------------------------------------------------------

# early NAME: whether there is such an end: a file end-NAME with `END BOOTID AT REASON [SAMPLED PID BIRTH]` of this life
# and boot, and not after the deadline. Everything else is no end, never an immediate one (ends.md E4). What is measured
# counts only while the process that measures lives, and its last sample is neither old nor of the future (E1). Sets e.
early() {
  set -- $1 $(fetch end-$1 " $id$N [a-z-]{1,20}($N{3})?")
  case $1 in
    [ic]*) [ $6 -le $up ] && [ $6 -gt $((up - 4 * TICK)) ] && alive $7 $8 || return ;;
  esac
  [ $4 -gt 0 ] && e=$(($4 - up)) && [ $e -le $due ]
}

# upkeep: the program that others brought over ssh and that decides on such ends. Never two at a time, and nobody waits
# for it. One that cannot be noted, because the disk is full, is not started: they would multiply.
upkeep() {
  alive $$
  keep holder3 "$$ $b" && exec timeout -s KILL 60 sh "$D/upkeep.sh"
}

# ---- the end ----------------------------------------------------------------------------------------------------

# late N: whether the deadline was more than N longest pauses ago, or the first try at this end was: what an end file says
# of the past is not believed.
late() {
  [ $left -lt $((-$1 * BACK)) ] || [ $((up - since)) -gt $(($1 * BACK)) ]
}

# One try to end the instance. Stop and the last-resort commands end this guard too, and a stopped instance still bills
# its disk (F23): they wait until destroy was refused twice, or has failed for long, because of an outage or of a page
# from elsewhere that falsely says "not found" (I18).
finish() {
  destroy
  answer
  [ $answer = refused ] || no=0
  no=$((no + 1))
  see
  answer
  [ $answer = ok ] && ! ours && ! late 10 && return
  [ $no -gt 2 ] || late 4 || return
  stop
  answer
  [ $answer = refused ] || late 10 || return
  last &
}

# ---- the self-test: may this key destroy the instance? --------------------------------------------------------------

# Self-test: reads the instance with its own key, each hour, because a key can be revoked. A result stays until a clear
# other one. The guard is armed when the file `test` begins with 1.
retest() {
  ! grep -q ^1 "$D/test" || [ $K$((n % 240)) = 10 ] || return
  see
  answer
  [ $answer = unclear ] && grep -q ^1 "$D/test" && return
  x="0 $answer $code"
  [ "$x" != '0 ok 200' ] || ! ours || x=1
  keep test "$x"
}

# ---- two holders: each starts the other when it is dead (F91) --------------------------------------------------------

# alive PID START: runs, is no zombie, is not stopped, and is no later process of that number. Sets b, its start time.
alive() {
  read -r line <"/proc/$1/stat" || return
  set -- "$2" ${line##*) }
  b=${21}
  case $2 in [ZTt]) false ;; *) [ "$1" = "$b" ] ;; esac
}

# holder N: whether it is alive. Sets pid.
holder() {
  read -r pid x <"$D/holder$1" && alive "$pid" "$x"
}

spawn() {
  setsid sh "$0" hold "$@" </dev/null >/dev/null &
}

# hold N [first]: the loop of a holder. Reads the clock each tick, and after the earliest end tries to end the instance,
# with pauses that double up to BACK; an end that is withdrawn leaves nothing behind that could delay the next one. A holder that cannot save its pid exits, unless it is the first: a full disk must not multiply them.
hold() {
  K=$1 n=0 next=0 no=1
  trap '' HUP INT TERM
  who
  while :; do
    if holder $K; then
      [ $pid = $$ ] || exit
    else
      alive $$
      keep holder$K "$$ $b" || [ "$2" ] || exit
    fi
    # The first one sets the time after a restart; the second reads its state.
    [ $K$n != 20 ] || sleep $TICK
    load
    keep state "$END $seq $left 0 $wall $at $boot" &
    holder $((3 - K)) || spawn $((3 - K))
    [ $K = 1 ] || ! holder 1 && ! holder 3 && [ -f "$D/upkeep.sh" ] && sh "$0" upkeep &
    [ $K$((n % 4)) != 10 ] || retest &
    due=$left
    for x in idle contact run 'done'; do
      ! early "$x" || due=$e
    done
    # The second one waits a little for the first, which may hang.
    if [ $due -gt $(((1 - K) * 3 * TICK)) ]; then
      next=0 no=1
    elif [ $up -ge $next ]; then
      [ $next != 0 ] || since=$up
      finish
      x=$((30 + up - since))
      [ $x -lt $BACK ] || x=$BACK
      next=$((up + x))
    fi
    n=$((n + 1))
    sleep $TICK
  done
}

# ---- what starts it ---------------------------------------------------------------------------------------------

# At every start of the container. The state stays: a restart does not restart the time to the deadline (F89). A probe
# may have begun the guard a moment before: what that one has found of this start stays as well.
boot() {
  ! holder 1 || return
  rm -f "$D/key" "$D/test"
  spawn 1 first
}

N='( 0| -?[1-9][0-9]{0,14})' seq=0 boot='' K=
"$@"
