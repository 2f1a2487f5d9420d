"""A start on a disk without one free byte but the reserve (F67). Whole sessions are ended in tests/cli."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")

SCRIPT = """
mount -t tmpfs -o size=80m,mode=700 none "$1"
job() { "$2" -m gpushopper.daemon once installation "$3" || true; }
job "$1" "$2" keep
[ -s "$1/reserve" ] && echo held
cat /dev/zero >"$1/ballast" 2>/dev/null || true
stat -f -c %a "$1"
job "$1" "$2" new
[ -e "$1/reserve" ] || echo given up
job "$1" "$2" new
"""


def test_a_start_gives_the_reserve_up_and_does_not_take_it_again(home: Path):
    home.mkdir()
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", SCRIPT, "sh", str(home), sys.executable]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    first, held, free, second, given_up, third = done.stdout.splitlines()
    assert (held, free, given_up) == ("held", "0", "given up"), done
    assert [json.loads(line)["ok"] for line in (first, second, third)] == [True, True, True]
