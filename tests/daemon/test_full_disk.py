"""A start on a disk without one free byte but the reserve (F67). Whole sessions are ended in tests/cli."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.needs import needs, needs_root

pytestmark = [needs_root, needs("unshare")]
ALONE = ("unshare", "--mount", "--propagation", "private", "sh", "-ec")
GOLDEN = Path(__file__).parents[1] / "store" / "golden" / "schema-1.db"

SCRIPT = """
mount -t tmpfs -o size=80m,mode=700 none "$1"
job() { "$python" -m gpushopper.daemon once installation "$1" || true; }
python=$2
job keep
[ -s "$1/reserve" ] && echo held
(umask 077; echo '[vast]' >"$1/keys.toml"; echo 'api_key = "old"' >>"$1/keys.toml")
cat /dev/zero >"$1/ballast" 2>/dev/null || true
stat -f -c %a "$1"
"$2" -c "$3" "$1/keys.toml" || true
cat "$1/keys.toml"
ls -A "$1" | grep -c keys
job new
[ -e "$1/reserve" ] || echo given up
job new
"""

SET_KEY = """
import pathlib, sys
from gpushopper import clouds, secrets
from gpushopper.core.secret import Credential
try:
    credential = Credential.of([("api_key", "n" * 500)])
    secrets.set_key(pathlib.Path(sys.argv[1]), clouds.get("vast"), credential)
except OSError as full:
    print(full.strerror)
"""


def test_a_start_on_a_full_disk_releases_the_reserve_and_keeps_keys(home: Path):
    home.mkdir()
    command = [*ALONE, SCRIPT, "sh", str(home), sys.executable, SET_KEY]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    first, held, free, refused, *kept, files, second, given_up, third = done.stdout.splitlines()
    assert (held, free, given_up) == ("held", "0", "given up"), done
    assert refused == os.strerror(errno.ENOSPC), done
    assert (kept, files) == (["[vast]", 'api_key = "old"'], "1")
    assert [json.loads(line)["ok"] for line in (first, second, third)] == [True, True, True]


UPGRADE = """
mount -t tmpfs -o size=20m,mode=700 none "$1"
cp "$3" "$1/gpu-shopper.db"
head -c 4194304 /dev/urandom >"$1/reserve"
cat /dev/zero >"$1/ballast" 2>/dev/null || true
stat -f -c %a "$1"
"$2" -m gpushopper.daemon once installation keep || true
ls "$1/backups"
[ -e "$1/reserve" ] || echo given up
"""


def test_an_upgrade_and_its_backup_use_the_reserve_on_a_full_disk(home: Path):
    home.mkdir()
    command = [*ALONE, UPGRADE, "sh", str(home), sys.executable, str(GOLDEN)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    free, kept, copy, given_up = done.stdout.splitlines()
    assert (free, json.loads(kept)["ok"], given_up) == ("0", True, "given up"), done
    assert copy.endswith("-schema1.db")
