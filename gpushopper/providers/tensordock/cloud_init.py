"""The cloud-init of a new VM: our ssh key for both accounts, and the boot script as a unit for every boot.

TensorDock takes cloud-init as an object: `runcmd`, a list of shell lines, and `write_files`, whose contents must be
plain: an `encoding` is not supported (tensordock.md 5, 16). cloud-init runs once, so what must run at each boot is a
unit.
"""

from __future__ import annotations

import re
from typing import Any

_KEY = re.compile(r"((?:ssh|ecdsa)-[a-z0-9-]{3,40} [A-Za-z0-9+/]{8,2000}={0,3})(?: [^\r\n]*)?\s*")
SCRIPT = "/usr/local/sbin/gpu-shopper-boot"
UNIT = "gpu-shopper-boot.service"
_UNIT_TEXT = f"""[Unit]
Description=GPU Shopper
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {SCRIPT}

[Install]
WantedBy=multi-user.target
"""
_ACCOUNTS = (("root", "/root"), ("user", "/home/user"))
"""`user` is the stock account with sudo; `root` takes a key only from here (tensordock.md 9)."""


def read_public_key(text: str) -> str | None:
    """Type and key of a line of `id_ed25519.pub`, without its comment; None for any other text.

    Nothing that a shell would read survives: it is put between quotes in `runcmd`.
    """
    found = _KEY.fullmatch(text)
    return found[1] if found else None


def cloud_init(public_key: str, boot_script: str) -> dict[str, Any]:
    """The object of the create. `public_key` has passed `read_public_key`.

    The create's own `ssh_key` was seen to be lost, or to land in one account only (tensordock.md 9).
    """
    lines = [_key_line(public_key, account, home) for account, home in _ACCOUNTS]
    if not boot_script:
        return {"runcmd": lines}
    files = [_file(SCRIPT, boot_script, "0700"), _file(f"/etc/systemd/system/{UNIT}", _UNIT_TEXT, "0644")]
    return {"write_files": files, "runcmd": [*lines, f"systemctl daemon-reload; systemctl enable --now {UNIT}"]}


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


def _file(path: str, content: str, permissions: str) -> dict[str, str]:
    return {"path": path, "content": content, "owner": "root:root", "permissions": permissions}
