"""Turns the cloud-init of a virtual machine into the script of its first boot: keys, write_files, packages, runcmd.

The order is the real one. Packages are not installed: the script says so in its log. `encoding` of a written file is
ignored, as on the cloud where it was tried: the content is written as it is given.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

USER = "user"
_RUNCMD = "/var/lib/cloud/instance/scripts/runcmd"


def first_boot_script(keys: Sequence[str], cloud_init: str | None) -> str:
    """Return the shell script; `cloud_init` is the text of a JSON object. What is malformed in it is skipped."""
    given = json.loads(cloud_init) if cloud_init else {}
    given = given if isinstance(given, dict) else {}
    lines = ["#!/bin/sh", "mkdir -p /var/lib/cloud/instance/scripts", *_keys(keys)]
    lines += [line for one in _items(given, "write_files") if isinstance(one, dict) for line in _file(one)]
    packages = [str(name) for name in _items(given, "packages")]
    if packages:
        lines.append(f"echo {shlex.quote('packages are not installed here: ' + ' '.join(packages))}")
    commands = "".join(f"{_command(one)}\n" for one in _items(given, "runcmd"))
    lines += _write(_RUNCMD, f"#!/bin/sh\n{commands}", "0700")
    return "\n".join([*lines, f"/bin/sh {_RUNCMD}", ""])


def _items(given: dict[str, Any], name: str) -> list[Any]:
    found = given.get(name)
    return found if isinstance(found, list) else []


def _keys(keys: Sequence[str]) -> Iterator[str]:
    """The ssh keys of the create go into the user's account, and not into root's."""
    text = "".join(f"{key.strip()}\n" for key in keys)
    yield from _write(f"/home/{USER}/.ssh/authorized_keys", text, "0600")
    yield f"chown -R {USER}:{USER} /home/{USER}"
    yield f"chmod 0700 /home/{USER}/.ssh"


def _file(one: dict[str, Any]) -> Iterator[str]:
    path = str(one.get("path") or "")
    if path.startswith("/"):
        yield from _write(path, str(one.get("content") or ""), str(one.get("permissions") or "0644"))
        yield f"chown {shlex.quote(str(one.get('owner') or 'root:root'))} {shlex.quote(path)}"


def _write(path: str, text: str, mode: str) -> Iterator[str]:
    name = shlex.quote(path)
    yield f'mkdir -p "$(dirname {name})"'
    yield f"printf %s {shlex.quote(text)} >{name}"
    yield f"chmod {shlex.quote(mode)} {name}"


def _command(one: Any) -> str:
    """Return a line of runcmd: a text is one as it stands, a list is words."""
    return shlex.join(map(str, one)) if isinstance(one, list) else str(one)
