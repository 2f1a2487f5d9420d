#!/bin/sh
# Ends this instance on time, by itself (architecture 7, D7, F85-F94). POSIX sh: dash, busybox ash, bash.
#
# gpushopper/remote/boot_script.py plants it without its comments, and puts above it what the boot script knows:
#   LIFE MAX            seconds to live, and to the hard maximum
#   END                 the unix time at which LIFE is over; it also marks the files below as of this one life
#   TICK BACK           seconds between two looks at the clock; the longest pause between two rounds of ending
#   URL ID_IN KEY_IN    where to call, and the variables that hold this instance's id and key
#   see destroy stop    functions: one `call` each
#   last                function: the last-resort verbs, one after the other
#
# All that ends the instance is in here, for nobody may ever come by. What is only done when somebody does comes along
# with that call: over_ssh.sh, which reads this file and uses D, left, gap, wall, keep, load, holder and spawn. The boot
# script sets PATH and takes away the variables of the user's that would break these tools.
#
# Beside it lie: state and renewal (a line each, replaced whole), key (0600), test (what the self-test said), holder1
# and holder2 (process and birth). Every time is of the boot clock, /proc/uptime, but for the wall deadline in the
# state, which only a restart looks at (F90).
#
# A provider counts every character (S29): hence short names, and numbers and paths without quotes.
# shellcheck disable=SC2046,SC2086 # they are checked where they come in, and lines are split on purpose
exec 2>/dev/null
umask 077
D=${0%/*}

# keep FILE TEXT: whole and on the disk, or not at all: a full disk leaves the old file.
keep() {
  printf '%s\n' "$2" | dd of="$D/$1.$$" conv=fsync && mv -f "$D/$1.$$" "$D/$1"
}

# ---- who we are -------------------------------------------------------------------------------------------------

# env VARIABLE: its value here, else in the first process: ssh logins do not get what the container got.
env() {
  eval "x=\$$1"
  [ "$x" ] || x=$(tr '\0' '\n' </proc/1/environ | sed -n "s/^$1=//p")
}

# The file serves restarts by ssh. It is wget's configuration too: the first line is a comment there.
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
# Past the user's proxies: the answer of one that refuses would be read as the provider's.

via_curl() {
  printf 'header="Authorization: Bearer %s"\n' "$KEY" |
    curl -qgsi --noproxy '*' -m 15 -K - -X "$1" -H 'Content-Type: application/json' -d "$3" "$URL$2"
}

via_wget() {
  timeout -s KILL 15 wget --config="$D/key" --no-proxy -qSO- -t1 --max-redirect=0 --content-on-error --method="$1" \
    --header='Content-Type: application/json' --body-data="$3" "$URL$2" 2>&1
}

via_python3() {
  printf '%s\n' "$KEY" "$URL" "$@" | timeout -s KILL 15 python3 -Ic 'import sys,http.client as h
k,u,m,p,b,*_=sys.stdin.read().split("\n")
s,u=u.split("://")
c=getattr(h,s.upper()+"Connection")(u)
c.request(m,p,b,{"Authorization":"Bearer "+k,"Content-Type":"application/json"})
r=c.getresponse()
print("HTTP/1",r.status)
print(r.headers,r.read(65536))'
}

# field PATTERN: what its group matches in the last line that begins with it.
field() {
  printf '%s\n' "$text" | sed -n "s,^ *$1.*,\1,p" | tail -n 1
}

# call METHOD PATH BODY: sets code and text (headers and body). Empty code: no answer. 498: no key to call with, 499:
# no client here; both refuse for good. Only GNU wget knows methods, and busybox's does not verify TLS.
call() {
  text='' code=498
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

# What a reply means: ok (done, or nothing there), refused (this key will not do it), unclear (try again).
answer() {
  answer=unclear
  case $code$text in
    404*auth_error* | 404*'user key'*) answer=refused ;;
    2* | 404*) answer=ok ;;
    408* | 429*) ;;
    4*) answer=refused ;;
  esac
}

ours() {
  printf '%s\n' "$text" | grep -qw "\"id\": *\"*$ID"
}

# ---- time -------------------------------------------------------------------------------------------------------

# After a restart: what the ticks left, less the tick that was not counted, or what the wall clock leaves, whichever
# is less. Where they are more than ten minutes apart the provider's Date judges, but never above the ticks (F89, F90,
# I12); what asking it took is taken off, because the ticks are of before. Only holders ask: a status must not wait.
judge() {
  [ ! "$boot" ] || left=$((left - TICK))
  now=$(date +%s)
  x=$((wall - now - left))
  if [ ${x#-} -gt 600 ] && [ "$K" ]; then
    for c in 1 2 3 4; do
      see
      x=$(field '[Dd]ate: *\(.*T\)')
      if [ "$x" ]; then
        x=$(date -ud "$x" +%s || TZ=UTC0 date -D '%a, %d %b %Y %T' -d "$x" +%s)
        [ ! "$x" ] || now=$((x - $(date +%s) + now))
        break
      fi
      sleep 5
    done
  fi
  x=$((wall - now))
  [ $x -gt $left ] || left=$x
}

# Sets left, counted up to `at` = now: from the state, or from a renewal with a higher number; where both are missing
# or damaged from what this process knew, else from what was planted, less the age of the first process. `gap` is what
# lies between deadline and hard maximum. Nothing here adds life.
load() {
  read -r up x </proc/uptime
  up=${up%%.*} id=-
  read -r id </proc/sys/kernel/random/boot_id
  for x in renewal state; do
    set -- $(grep -xE "$END( 0| -?[1-9][0-9]{0,14}){5} .+" "$D/$x")
    [ "$2" -ge $seq ] && seq=$2 left=$3 gap=$4 wall=$5 at=$6 boot=$7
  done
  if [ ! "$boot" ]; then
    read -r line </proc/1/stat
    set -- ${line##*) }
    x=$((up - ${20:-0} / 100))
    [ $x -gt 0 ] || x=0
    left=$((LIFE - x)) gap=$((MAX - LIFE)) wall=$END at=$up
  fi
  if [ "$boot" = $id ] && [ $up -ge $at ]; then
    left=$((left - up + at))
  else
    judge
  fi
  at=$up boot=$id
}

# ---- the end ----------------------------------------------------------------------------------------------------

late() {
  [ $left -lt $((-$1 * BACK)) ]
}

# One round. Stop and the last-resort verbs end this guard too, and a stopped instance still bills its disk (F23):
# they wait until destroying is refused twice, or is long in vain: an outage, or pages that call it gone and lie (I18).
finish() {
  destroy
  answer
  [ $answer = refused ] || refused=0
  refused=$((refused + 1))
  see
  answer
  [ $answer = ok ] && ! ours && ! late 10 && return
  [ $refused -gt 2 ] || late 4 || return
  stop
  answer
  [ $answer = refused ] || late 10 || return
  last &
}

# ---- the self-test: may we destroy ourselves at all? ----------------------------------------------------------------

# Each hour anew, because a key can be taken back; what was seen to work stands until it is seen not to.
prove() {
  ! grep -q ^1 "$D/test" || [ $K$((n % 240)) = 10 ] || return
  see
  answer
  [ $answer = unclear ] && grep -q ^1 "$D/test" && return
  x="0 $answer $code"
  [ "$x" != '0 ok 200' ] || ! ours || x=1
  keep test "$x"
  # In the first minutes only: later the instance is its user's to change.
  [ $code$((n / 40)) = 4990 ] || return
  for x in 'apt-get update' 'apt-get install -y curl ca-certificates' 'apk add curl' 'yum install -y curl'; do
    timeout -s KILL 300 $x
  done
}

# ---- two holders: each starts the other when it is dead (F91) --------------------------------------------------------

# alive PID BORN: runs, is no zombie, is not held, and is no later process of the same number. Sets b, its birth.
alive() {
  read -r line <"/proc/$1/stat" || return
  set -- "$2" ${line##*) }
  b=${21}
  case $2 in [ZTt]) false ;; *) [ "$1" = "$b" ] ;; esac
}

# holder N: does it live? Sets pid.
holder() {
  read -r pid x <"$D/holder$1" && alive "$pid" "$x"
}

spawn() {
  setsid sh "$0" hold "$@" </dev/null >/dev/null &
}

# hold N [first]: looks each tick, and at the end makes a round each `p` seconds. One that cannot write down who it is
# leaves, unless it is the first: a full disk breeds none.
hold() {
  K=$1 n=0 next=0 refused=1 p=30
  trap '' HUP INT TERM
  who
  while :; do
    if holder $K; then
      [ $pid = $$ ] || exit
    else
      alive $$
      keep holder$K "$$ $b" || [ "$2" ] || exit
    fi
    # The first one settles the time; the second finds it settled.
    [ $K$n != 20 ] || sleep $TICK
    load
    keep state "$END $seq $left $gap $wall $at $boot" &
    holder $((3 - K)) || spawn $((3 - K))
    [ $K$((n % 4)) != 10 ] || prove &
    # The second one waits a little for the first, which may hang.
    if [ $left -le $(((1 - K) * 3 * TICK)) ] && [ $up -ge $next ]; then
      finish
      [ $p -lt $BACK ] || p=$BACK
      next=$((up + p)) p=$((p * 2))
    fi
    n=$((n + 1))
    sleep $TICK
  done
}

# ---- what starts it ---------------------------------------------------------------------------------------------

# At every start of the container. The state stays: a restart arms nothing anew (F89).
boot() {
  rm -f "$D/key" "$D/test"
  holder 1 || spawn 1 first
}

seq=0 boot='' K=
"$@"
