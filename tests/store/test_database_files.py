"""File systems are recognised from the mount table."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.store.sqlite.database_files import file_system_of, is_network

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
server:/data /data nfs4 rw,vers=4.2 0 0
/dev/vdb /data/local xfs rw 0 0
me@far:/x /mnt/far\040away fuse.sshfs rw 0 0
//nas/share /srv cifs rw 0 0
tmpfs /srv tmpfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x.db", "ext4"),
        ("/tmp/x.db", "tmpfs"),
        ("/data/me/x.db", "nfs4"),
        ("/data/local/me/x.db", "xfs"),
        ("/database/x.db", "ext4"),
        ("/mnt/far away/x.db", "fuse.sshfs"),
        ("/srv/x.db", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount_and_of_two_the_last(path: str, kind: str):
    assert file_system_of(Path(path), MOUNTS) == kind


def test_without_a_mount_table_the_file_system_is_unknown():
    assert file_system_of(Path("/x"), "") == ""


@pytest.mark.parametrize(
    ("kind", "network"),
    [("nfs", True), ("nfs4", True), ("cifs", True), ("smb3", True), ("fuse.sshfs", True), ("fuse.rclone", True),
     ("fuse.unheard-of", True), ("9p", True), ("ext4", False), ("btrfs", False), ("overlay", False), ("zfs", False),
     ("fuseblk", False), ("fuse.fuse-overlayfs", False), ("tmpfs", False), ("", False)],
)  # fmt: skip
def test_network_file_systems_are_recognised(kind: str, network: bool):
    assert is_network(kind) is network
