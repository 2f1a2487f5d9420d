# The hook before the end: a part of upkeep.sh, which includes it (remote/agent_files.py).

# Sets near: 0 where no end is near, 1 for the deadline alone, 2 for an early end.
ends_soon() {
  near=0
  ! deadline || [ $left -gt $l_land ] || near=1
  for name in idle contact run 'done'; do
    ! is_due $name || near=2
  done
}

# The user's script as the run before-end: in its login's home, where its files are and from where its output is kept. It
# has five minutes, and 20 MB of output. The script comes in GS_HOOK, or lies in GS_FILE, which only its login reads.
# shellcheck disable=SC2016,SC2089 # it is for the other shell
HOOK='
umask 077
text=$GS_HOOK
[ ! "$GS_FILE" ] || text=$(head -c 65536 "$GS_FILE")
limit=$GS_LIMIT
unset GS_HOOK GS_FILE GS_LIMIT GS_WRAP
rm -rf "$1"
mkdir -p "$1"
echo before-end >"$1/command"
: >"$1/err"
: >"$1/out"
echo $$ >"$1/pid"
[ ! -r "$HOME/.gpu-shopper/environment" ] || . "$HOME/.gpu-shopper/environment"
cd "$HOME"
{
  timeout -s KILL "$limit" sh -c "$text"
  printf "%-7s\n" $? 1<>"$1/status.new"
  mv "$1/status.new" "$1/status"
} 2>&1 | {
  head -c 19999980 >"$1/out"
  [ "$(head -c 1 | wc -c)" -eq 0 ] || printf "\n[cut off at 20 MB]\n" >>"$1/out"
  cat >/dev/null
}
'

# Sets login, and text or file: whose script there is; fails where there is none. The login that brought one is noted
# beside it; one that cannot become root has it in its drop folder (drop.sh).
find_hook() {
  login=root text='' file=''
  if [ -f "$D/before-end" ]; then
    text=$(head -c 65536 "$D/before-end")
    ! first "$D/login" 40 || login=$x
  else
    for file in "$R"/var/lib/gs-drop/*/before-end; do
      login=${file%/*} login=${login##*/}
      [ ! -f "$file" ] || break
      file=
    done
    [ "$file" ] || return
  fi
  case $login in '' | -* | *[!A-Za-z0-9_.-]*) return 1 ;; esac
}

# Runs $start as this login, with its own home. Not every machine lets su do that.
as_login() {
  su -s /bin/sh "$login" -c : && exec su -s /bin/sh "$login" -c "$start"
  eval HOME=~"$login"
  exec setpriv --reuid="$login" --regid="$(id -g "$login")" --init-groups sh -c "$start"
}

# Whether it is still going.
is_hook_going() {
  home=$R/root
  [ "$login" = root ] || eval home=~"$login"
  state "$home/.gpu-shopper/runs/before-end"
  [ "$s" = running ]
}

# Runs it once, 15 minutes before the deadline (`land`), or when an early end is written; for that also where it ran for
# the deadline, because work went on meanwhile. The mark is what it ran for last; it is changed in place, for which a full
# disk has room.
hook() {
  find_hook || return
  first "$D/before-end.mark" 1 || keep before-end.mark 0
  mark=${x:-0}
  ends_soon
  [ "$mark" != $near ] || return 0
  [ "$mark$near" != 12 ] || ! is_hook_going || return 0
  printf %s $near 1<>"$D/before-end.mark" || return
  case $mark$near in 01 | 02 | 12) ;; *) return ;; esac
  # shellcheck disable=SC2016 # it is for the shell of that login
  start='exec setsid sh -c "$GS_WRAP" gpu-shopper-run "$HOME/.gpu-shopper/runs/before-end"'
  GS_WRAP=$HOOK GS_HOOK=$text GS_FILE=$file GS_LIMIT=$((30 * l_tick))
  # shellcheck disable=SC2090
  export GS_WRAP GS_HOOK GS_FILE GS_LIMIT
  if [ "$login" = root ]; then
    HOME=$R/root sh -c "$start" </dev/null >/dev/null &
  else
    as_login </dev/null >/dev/null &
  fi
}
