#!/bin/sh
# The first process of a contained instance: makes everything outside the scratch folder read-only, puts the clock and
# the container's own folders in place, runs the boot script, and then behaves as an init: TERM ends it.
set -eu
scratch=$1 outside=$2 disk=$3 canary=$4
# Nothing of an instance may run outside a process namespace of its own.
[ $$ = 1 ] && [ "$(readlink /proc/self/ns/pid)" != "$outside" ] || exit 97

mount --make-rprivate /
mount --bind "$scratch" /mnt
while read -r _ point _ options _; do
  case $point in / | /[!m]*) ;; *) continue ;; esac
  case $point in /proc* | /sys*) continue ;; esac
  keep=$(printf '%s' "$options" | tr , '\n' | grep -E '^(nosuid|nodev|noexec|noatime|nodiratime|relatime)$' | tr '\n' ,)
  mount -o "remount,bind,${keep}ro" "$point" 2>/dev/null || :
done </proc/self/mounts
if (: >>"$canary") 2>/dev/null; then exit 98; fi
for folder in root home var run; do mount --bind "/mnt/disk/$folder" "/$folder"; done
# A machine's own configuration, where a test has one.
[ ! -d /mnt/disk/etc ] || mount --bind /mnt/disk/etc /etc
mount -t tmpfs -o mode=1777 none /tmp
# Terminals of its own: a device that is seen here can be written to, however read-only its file system is.
mount -t devpts -o ptmxmode=0666,mode=0620 none /dev/pts
mount -t tmpfs -o mode=1777 none /dev/shm
case $disk in
  kept) ;;
  tiny) mount -t tmpfs -o size=256k none /root ;;
  read-only) for folder in root home var run; do mount -o remount,bind,nosuid,nodev,ro "/$folder"; done; mount -t tmpfs -o ro none /tmp ;;
esac
[ ! -s /mnt/trust ] || mount --bind /mnt/trust /etc/ssl/certs/ca-certificates.crt
mount --bind /mnt/clock/uptime /proc/uptime
mount --bind /mnt/clock/boot_id /proc/sys/kernel/random/boot_id
mount --bind /mnt/clock/first /proc/1/stat

# Its programs are those of its image alone, wherever they are looked for; ours lie under /mnt/system.
for folder in usr/bin usr/sbin; do
  mkdir -p "/mnt/system/$folder"
  mount --bind "/$folder" "/mnt/system/$folder"
done
for folder in bin sbin usr/sbin usr/local/bin usr/local/sbin usr/bin; do
  [ -d "/$folder" ] && [ ! -h "/$folder" ] || continue
  case $folder in usr/bin | bin) shown=/mnt/bin ;; *) shown=/mnt/nothing ;; esac
  /mnt/real/mount --bind "$shown" "/$folder"
done

trap 'exit 0' TERM
PATH=/mnt/bin
export PATH
echo ready
$5 sh /mnt/start </dev/null >/mnt/boot.log 2>&1 &
while :; do
  /mnt/real/sleep 1000 &
  wait $! || :
done
