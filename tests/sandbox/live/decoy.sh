#!/bin/sh
# PID 1 of a decoy: namespaces of its own on an instance, in which the verbs find what they are after.
# decoy.sh LOG CHECKOUT VERB...
[ -e /.instance/init ] || { echo 'not on an instance' >&2; exit 99; }
log=$1 checkout=$2
shift 2
trap 'exit 43' TERM
set -e
mount -t tmpfs none /mnt
mkdir -p /mnt/usr/bin /mnt/usr/lib /mnt/etc # ours, and so writable, where the system's are not
cp /usr/lib/os-release /mnt/usr/lib/os-release
for folder in usr etc; do
    mkdir /mnt/$folder-work
    mount -t overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder,workdir=/mnt/$folder-work" overlay /$folder
done
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
