"""The cloud-init of a new VM: our ssh key for both accounts, then what the engine plants there.

TensorDock takes cloud-init as an object and not as a text: `runcmd`, a list of shell lines, and `write_files`, whose
contents must be plain, for an `encoding` is not supported (tensordock.md 5, 16). It runs once in a VM's life: whatever
must start at every boot is a unit that the planted script leaves behind.
"""

from __future__ import annotations

import json
import re
from typing import Any

HEAD = "#cloud-config\n"
"""With which user data begins; the object follows as JSON."""
_FILE_FIELDS = frozenset({"path", "content", "owner", "permissions"})
_KEY = re.compile(r"((?:ssh|ecdsa)-[a-z0-9-]{3,40} [A-Za-z0-9+/]{8,2000}={0,3})(?: [^\r\n]*)?\s*")
_ACCOUNTS = (("root", "/root"), ("user", "/home/user"))
"""`user` is the stock account with sudo; `root` takes a key only from here (tensordock.md 9)."""


def read_public_key(text: str) -> str | None:
    """Type and key of a line of `id_ed25519.pub`, without its comment; None for any other text.

    Nothing that a shell would read survives: it is put between quotes in `runcmd`.
    """
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def cloud_init(public_key: str, boot_script: str) -> dict[str, Any] | None:
    """The object of the create; None for a boot script that is no user data of plain files and commands.

    `public_key` has passed `read_public_key`. The create's own `ssh_key` was seen to be lost, or to land in one account
    only (tensordock.md 9), so that the key is added here, too, and first: nothing that is planted may lock us out.
    """
    lines = [_key_line(public_key, account, home) for account, home in _ACCOUNTS]
    if not boot_script:
        return {"runcmd": lines}
    planted = _user_data(boot_script)
    return None if planted is None else {"write_files": planted[0], "runcmd": [*lines, *planted[1]]}


def _user_data(text: str) -> tuple[list[dict[str, str]], list[str]] | None:
    """Files and commands of a text for cloud-init, of the form that TensorDock accepts and nothing else."""
    try:
        data = json.loads(text.removeprefix(HEAD)) if text.startswith(HEAD) else None
    except ValueError:
        return None
    if not isinstance(data, dict) or not data.keys() <= {"write_files", "runcmd"}:
        return None
    files, commands = data.get("write_files", []), data.get("runcmd", [])
    if not isinstance(files, list) or not isinstance(commands, list):
        return None
    is_plain = all(isinstance(one, dict) and one.keys() <= _FILE_FIELDS for one in files)
    return (files, commands) if is_plain and all(isinstance(line, str) for line in commands) else None


def _key_line(key: str, account: str, home: str) -> str:
    """One line for each account, so that an image without one of them still gets the other's key.

    The line break comes first: a file whose last line has none must not swallow the key.
    """
    folder, keys = f"{home}/.ssh", f"{home}/.ssh/authorized_keys"
    return (
        f"id {account} >/dev/null 2>&1 && install -d -m 700 -o {account} -g {account} {folder}"
        f" && {{ grep -qsF '{key}' {keys} || printf '\\n%s\\n' '{key}' >>{keys}; }}"
        f" && chmod 600 {keys} && chown {account}:{account} {keys}"
    )
