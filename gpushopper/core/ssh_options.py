"""What every login to an instance has: ssh's options, which take none of the user's settings, and what an address is.

On this floor because a member of a lab server logs in from a computer of their own: none of it comes over the network.
"""

from __future__ import annotations

import re

FIXED = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "AddKeysToAgent=no",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "LogLevel=ERROR",  # below it a host's greeting would be printed and taken for ssh's own messages
    "ConnectTimeout=10",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ControlMaster=auto",
    "ControlPersist=90",
)

CONTROL_SUFFIX = 17
"""Characters that ssh adds to the path of a shared connection's socket while it binds it: a dot and sixteen more."""

PUBLIC_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}")
"""A public key of the one kind that is made here, without its comment."""

# Allowed host names; ssh would read a leading dash as an option, and expand a percent sign.
_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def is_address(host: str, port: int, user: str) -> bool:
    """Whether ssh reads these as an address and a user, and as nothing else (F111)."""
    return bool(_HOST.fullmatch(host) and 0 < port < 65536 and _USER.fullmatch(user))
