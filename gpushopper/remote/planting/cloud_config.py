"""The boot script as cloud-init's user data, which runs it once as root at the first boot."""

from __future__ import annotations

import json

HEAD = "#cloud-config\n"
PATH = "/var/lib/gs-boot.sh"


def cloud_config(boot_script: str) -> str:
    """User data of plain types: JSON, which is YAML as well. A provider that wants an object gets what follows `HEAD`.

    A file and a command, without `encoding`, which one provider does not support (tensordock.md 6).
    """
    file = {"path": PATH, "content": boot_script, "owner": "root:root", "permissions": "0700"}
    return HEAD + json.dumps({"write_files": [file], "runcmd": [f"sh {PATH}"]})
