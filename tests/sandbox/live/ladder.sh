#!/bin/sh
# Every way to harm a computer that we know, one after the other, on an instance and nowhere else.
# ladder.sh LOG WITNESSES CHECKOUT RAW SOCKET VERB...   writes "begin VERB" and "end VERB STATUS LAST-WORDS" to LOG.
[ -e /.instance/init ] || { echo 'not on an instance' >&2; exit 99; }
log=$1 witnesses=$2 checkout=$3 raw=$4 socket=$5
shift 5

as_python() { python3 -c "import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
$1"; }
syscall() { as_python "sys.exit(ctypes.get_errno() if libc.syscall($1) else 0)"; }

write_usr() { echo harm >/usr/gs-was-here; }
write_lib() { echo harm >>/usr/lib/os-release; }
remove_program() { rm -f /usr/bin/true; }
write_etc() { echo harm >/etc/passwd; }
write_root() { echo harm >/root/gs-was-here; }
clear_root() { rm -rf /root/* /root/.[!.]*; }
write_checkout() { mkdir -p "$checkout" && echo harm >"$checkout/gs-was-here"; }
clear_tmp() { rm -rf /tmp/* /home/* /var/tmp/*; }
mount_tmpfs() { mount -t tmpfs none /mnt; }
mount_proc() { mount -t proc none /mnt; }
umount_usr() { umount /usr; }
umount_proc() { umount /proc; }
remount_usr() { mount -o remount,bind,rw /usr && echo harm >/usr/gs-was-here; }
nested_umount() { unshare -Urm umount /usr; }
nested_remount() { unshare -Urm sh -c 'mount -o remount,bind,rw /usr && echo harm >/usr/gs-was-here'; }
nested_root() { unshare -Urm sh -c 'mount --bind / /mnt && echo harm >/mnt/usr/gs-was-here'; }
read_disk() { mknod /run/raw b ${raw%:*} ${raw#*:} && head -c 512 /run/raw | wc -c | grep -qx 512; }
sysrq() { echo b >/proc/sysrq-trigger; }
core_pattern() { echo '|/bin/false' >/proc/sys/kernel/core_pattern; }
name_host() { hostname harmed; }
set_clock() { /usr/bin/date -s 2001-01-01; }
kexec() { syscall '246, 0, 0, 0, 0'; }
load_module() { syscall '175, 0, 0, 0'; }
talk_to_market() { as_python "socket.socket(socket.AF_UNIX).connect('$socket')"; }
see_witness() { for pid in $witnesses; do [ -e /proc/"$pid" ] || return 1; done; }
read_witness() { for pid in $witnesses; do cat /proc/"$pid"/environ >/dev/null || return 1; done; }
kill_witness() { for pid in $witnesses; do kill -9 "$pid" || return 1; done; }
restart_call() { as_python 'sys.exit(ctypes.get_errno() if libc.reboot(0x1234567) else 0)'; }
power_off_call() { as_python 'sys.exit(ctypes.get_errno() if libc.reboot(0x4321FEDC) else 0)'; }
nested_power_off() { unshare -Ur python3 -c 'import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(ctypes.get_errno() if libc.reboot(0x4321FEDC) else 0)'; }
poweroff_f() { poweroff -f; }
reboot_f() { reboot -f; }
halt_f() { halt -f; }
shutdown_now() { shutdown -h now; }
busybox_poweroff() { busybox poweroff -f; }
busybox_reboot() { busybox reboot -f; }
kill_9_1() { kill -9 1; }
kill_all() { kill -9 -1; }
kill_1() { kill 1; }

for verb in "$@"; do
    echo "begin $verb" >>"$log"
    words=$("$verb" 2>&1)
    status=$?
    echo "end $verb $status $(echo "$words" | tail -n 1 | cut -c 1-100)" >>"$log"
done
