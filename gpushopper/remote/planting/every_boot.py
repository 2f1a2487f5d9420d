"""Lines of a VM's boot script: start the guard at every boot (F89), and let our key in for each login user.

A container's provider runs the boot script at each start; cloud-init runs it once in a VM's life, and over ssh it
runs once too. So it leaves a unit behind, for systemd. Where there is none: a file for OpenRC's `local`, else
/etc/rc.local, which every init of the System V kind runs; not cron, whose small form (busybox) knows no `@reboot`.
The guard counts on from its own state: a reboot does not start the time to the deadline anew.
"""

from __future__ import annotations

from collections.abc import Iterable

UNIT = "gs-guard.service"

# KillMode: its holders outlive the process that started them, and a stop of the unit. The unit's link is made by hand:
# it must be there even where systemctl cannot be reached now.
START = f"""\
if [ -d /run/systemd/system ]; then
W=/etc/systemd/system
mkdir -p $W/multi-user.target.wants
cat >$W/{UNIT} <<END-UNIT
[Unit]
Description=GPU Shopper: ends this VM at its deadline
[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
ExecStart=/bin/sh $G boot
[Install]
WantedBy=multi-user.target
END-UNIT
chmod 644 $W/{UNIT}
ln -sf ../{UNIT} $W/multi-user.target.wants/{UNIT}
timeout 60 systemctl daemon-reload
timeout 60 systemctl restart {UNIT} || sh $G boot
else
R=/etc/rc.local
[ ! -d /etc/local.d ] || R=/etc/local.d/gs-guard.start
[ -s $R ] || echo '#!/bin/sh' >$R
grep -qF "$G boot" $R || sed -i "1a sh $G boot" $R
chmod 755 $R
sh $G boot
fi
"""

# The state says from when the seconds count: the VM may have been up for long when the guard comes over ssh.
COUNT_FROM_NOW = """\
read -r u x </proc/uptime
read -r b </proc/sys/kernel/random/boot_id
[ -s $D/state ] || echo "{deadline_s} 0 {life_s} {gap_s} {deadline_s} ${{u%%.*}} $b" >$D/state
"""


def let_in(users: Iterable[str], key: str) -> str:
    """Lines that add the public key for each of these users that exists, once, with the modes that sshd wants."""
    return f"""\
K='{key}'
for U in {" ".join(dict.fromkeys(users))}; do
eval H=~$U
[ -d "$H" ] || continue
S=$H/.ssh
A=$S/authorized_keys
mkdir -p $S
grep -qxF "$K" $A || echo "
$K" >>$A
chmod go= $S $A
chown $U: $S $A
done
"""
