"""Find or start a Jupyter server on an instance: a run that listens on loopback only and makes its own token.

Token and port are read from the server's own list over ssh: no command line on either side shows the token. All that
comes from the instance is checked before it becomes part of an address here.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import run_control, runs, ssh_connection
from gpushopper.core.model.run_folder import JUPYTER
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

START_LIMIT_S = 90.0
_MISSING = 3
_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{0,200}")
_BASE = re.compile(r"/([A-Za-z0-9_.~-]+/)*")
_LONGEST_LIST = 200

# Images keep it in folders that only login shells have on their path.
_PROGRAM = """
PATH=$PATH:$HOME/.local/bin:/opt/conda/bin:/opt/miniconda3/bin:/opt/venv/bin:/venv/main/bin
if command -v jupyter >/dev/null 2>&1; then j=jupyter
elif python3 -m jupyter --version >/dev/null 2>&1; then j='python3 -m jupyter'
else j=; fi
"""
_LIST = (
    _PROGRAM
    + f"""
[ -n "$j" ] || exit {_MISSING}
$j server list --json 2>/dev/null || $j notebook list --json 2>/dev/null
exit 0
"""
)
_START = (
    _PROGRAM
    + """
what=notebook
$j lab --version >/dev/null 2>&1 && what=lab
root=; [ "$(id -u)" != 0 ] || root=--allow-root
cd "$HOME" || exit
exec $j $what --no-browser --ip=127.0.0.1 --port=8888 $root
"""
)


@dataclass(frozen=True, slots=True)
class JupyterServer:
    """A server that runs there: its port on the instance's loopback address, and what its address ends with."""

    port: int
    token: str
    base: str = "/"
    scheme: str = "http"

    def url(self, port: int) -> str:
        """Its address here, behind a forward from this port."""
        return f"{self.scheme}://127.0.0.1:{port}{self.base}" + (f"?token={self.token}" if self.token else "")


def find_server(found: ConnectionView) -> JupyterServer | None:
    """A server of the login's user that runs there; None where none does.

    Raises:
        ShopperError: Jupyter is not installed there, or ssh fails.
    """
    result = ssh_connection.run_script(found, _LIST)
    if result.status == _MISSING:
        hint = f"install it: gpu-shopper run {found.name} -- pip install jupyterlab"
        raise ShopperError(f"{found.name} has no Jupyter", hint, code="no_jupyter")
    if result.status:
        raise ssh_connection.script_error(found, result, "Jupyter's servers cannot be listed")
    return next(iter(read_servers(result.out)), None)


def read_servers(text: str) -> list[JupyterServer]:
    """The servers in the answer of `jupyter server list --json`: an object a line, or one array; the rest is passed."""
    rows: list[Any] = []
    for line in text.splitlines()[:_LONGEST_LIST]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):  # the second for brackets without end
            continue
        rows += value if isinstance(value, list) else [value]
    return [server for row in rows if isinstance(row, dict) and (server := _read(row)) is not None]


def _read(row: dict[str, Any]) -> JupyterServer | None:
    port, token, base = row.get("port"), row.get("token", ""), row.get("base_url", "/")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        return None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    if not isinstance(base, str) or not _BASE.fullmatch(base):
        return None
    return JupyterServer(port, token, base, "https" if row.get("secure") is True else "http")


def start_server(found: ConnectionView) -> tuple[JupyterServer, str]:
    """Start one as a run, and wait until it is listed; returns it with the run's id.

    Raises:
        ShopperError: it ended, or is not listed in time.
    """
    run = f"{JUPYTER}{runs.new_id()}"
    runs.start(found, run, shlex.join(["/bin/sh", "-c", _START]), {})
    servers: list[JupyterServer] = []

    def is_listed() -> bool:
        server = find_server(found)
        servers.extend([server] if server else [])
        if server is None and _status(found, run) != "running":
            raise _failed(found, run, "Jupyter ended at once")
        return server is not None

    try:
        poll(is_listed, START_LIMIT_S)
    except WaitTimeout:
        raise _failed(found, run, f"Jupyter is not ready after {START_LIMIT_S:.0f} s") from None
    return servers[0], run


def _status(found: ConnectionView, run: str) -> str:
    return next((row.status for row in run_control.list_runs(found, now=0) if row.run == run), "")


def _failed(found: ConnectionView, run: str, text: str) -> ShopperError:
    return ShopperError(f"{text} on {found.name}", f"its output: gpu-shopper logs {found.name} {run}", code="jupyter")
