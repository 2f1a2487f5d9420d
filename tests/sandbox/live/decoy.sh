#!/bin/sh
# PID 1 of a decoy: namespaces of its own on an instance, in which the verbs find what they are after.
# decoy.sh LOG CHECKOUT VERB...
[ -e /.instance/init ] || { echo 'not on an instance' >&2; exit 99; }
log=$1 checkout=$2
shift 2
trap 'exit 43' TERM
set -e
mkdir -p /decoy
mount -t tmpfs none /decoy
# Ours, and so writable, where the system's are not. Programs are links: single files of /usr/bin have mounts of their
# own, and an overlay takes no folder with such mounts in it.
mkdir -p /decoy/real /decoy/usr/bin /decoy/usr/lib /decoy/etc /decoy/work-lib /decoy/work-etc
mount --rbind /usr /decoy/real
cp /usr/lib/os-release /decoy/usr/lib/os-release
ln -s /decoy/real/bin/* /decoy/usr/bin
mount -t overlay -o lowerdir=/usr/lib,upperdir=/decoy/usr/lib,workdir=/decoy/work-lib overlay /decoy/usr/lib
mount -t overlay -o lowerdir=/etc,upperdir=/decoy/etc,workdir=/decoy/work-etc overlay /etc
for folder in /decoy/real/*/; do
    name=$(basename "$folder")
    [ -e "/decoy/usr/$name" ] || { mkdir "/decoy/usr/$name" && mount --rbind "$folder" "/decoy/usr/$name"; }
done
mount --rbind /decoy/usr /usr
mount -t tmpfs none /proc
mkdir -p /proc/sys/kernel
: >/proc/sysrq-trigger
: >/proc/sys/kernel/core_pattern
set +e
sleep 1000 &
witness=$!
sh /root/ladder.sh "$log" "$witness" "$checkout" 0:0 /nonexistent "$@" &
ladder=$!
while kill -0 $ladder 2>/dev/null; do wait $ladder; done
{
    echo "sysrq got: $(cat /proc/sysrq-trigger)"
    echo "core_pattern got: $(cat /proc/sys/kernel/core_pattern)"
    echo "usr got: $(cat /usr/gs-was-here)"
    echo "hostname is: $(hostname)"
    [ -e /usr/bin/true ] || echo 'true is gone'
    kill -0 $witness 2>/dev/null || echo 'witness is dead'
} >>"$log"
