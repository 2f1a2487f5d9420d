"""The name by which the user's own ssh, and an editor over it, knows a session: a Host of the managed ssh config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import ssh_config_include
from gpushopper.errors import Misconfigured

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

WRITTEN_LIMIT_S = 20.0
_INSTALL = "run: gpu-shopper ssh-config install"


def alias_of(app: App, found: ConnectionView, limit_s: float = WRITTEN_LIMIT_S) -> str:
    """The Host whose key alias is the session's attempt: where two sessions share a name, one has its id there.

    Right after a rental it is waited for: the daemon writes it once the instance has been logged in to.

    Raises:
        Misconfigured: the daemon has not written it.
    """
    path = app.home.ssh_config
    alias: list[str] = []

    def is_written() -> bool:
        alias[:] = filter(None, [_alias_in(path, found.attempt)])
        return bool(alias)

    try:
        poll(is_written, limit_s)
    except WaitTimeout:
        text = f"{path} does not have {found.name} yet"
        raise Misconfigured(text, "try again in a few seconds", code="no_ssh_host") from None
    return alias[0]


def _alias_in(path: Path, attempt: str) -> str:
    """The Host whose key alias is this attempt; empty where there is none."""
    host, wanted = "", ["HostKeyAlias", attempt]
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        words = line.split()
        if words[:1] == ["Host"] and len(words) == 2:
            host = words[1]
        elif words == wanted and host:
            return host
    return ""


def make_known(app: App) -> None:
    """See to it that the user's ~/.ssh/config includes the managed one; on a terminal it is asked, and done.

    Raises:
        Misconfigured: it does not include it.
    """
    line = ssh_config_include.include_line(app.home.ssh_config)
    own = ssh_config_include.read(ssh_config_include.user_config())
    if line in own.content.splitlines(keepends=True):
        return
    text = f"{own.path} does not include gpu-shopper's hosts"
    if not app.is_interactive():
        raise Misconfigured(text, _INSTALL, code="ssh_config")
    app.note(f"{text}; an editor needs that, and one line at its top does it")
    if not click.confirm("Add it?", err=True):
        raise Misconfigured(text, _INSTALL, code="ssh_config")
    backup = ssh_config_include.replace(own, ssh_config_include.with_line(own.content, line))
    app.note(f"{own.path}: installed" + (f"; backup: {backup}" if backup else ""))
