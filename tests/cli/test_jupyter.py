"""`jupyter`: find or start it there, forward a port, and leave it running after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.schema_checks import schema_of, valid
from tests.cli.ssh_stage import Stage

pytestmark = pytest.mark.proofs

Started = Callable[..., "subprocess.Popen[bytes]"]
LIMIT_S = 60

# It acts as Jupyter does where it matters: listens where it is told, makes a token, and is listed once it serves.
JUPYTER = """#!/usr/bin/env python3
import http.server, json, os, pathlib, sys
servers = pathlib.Path.home() / "servers"
if "--version" in sys.argv:
    sys.exit(0)
if sys.argv[1:3] == ["server", "list"]:
    print(servers.read_text() if servers.exists() else "")
    sys.exit(0)
assert sys.argv[1] == "lab" and "--ip=127.0.0.1" in sys.argv and "token" not in " ".join(sys.argv)
if (pathlib.Path.home() / "broken").exists():
    sys.exit("no room")
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ok = "token=t0ken" in self.path
        self.send_response(200 if ok else 403)
        self.end_headers()
        self.wfile.write(b"notebooks")
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
row = {"port": server.server_port, "token": "t0ken", "base_url": "/", "secure": False}
servers.write_text(json.dumps(row))
server.serve_forever()
"""


@pytest.fixture
def there(stage: Stage) -> Path:
    """The home there, with a Jupyter in it."""
    folder = stage.host.home / ".local" / "bin"
    folder.mkdir(parents=True)
    (folder / "jupyter").write_text(JUPYTER)
    (folder / "jupyter").chmod(0o755)
    return stage.host.home


def opened(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def page(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
        return bytes(answer.read())


def test_it_is_started_once_forwarded_and_goes_on_after_ctrl_c(stage: Stage, there: Path, started: Started):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    first = started("jupyter", "train", "--port", str(port))
    url = opened(first)
    assert url == f"http://127.0.0.1:{port}/?token=t0ken" and page(url) == b"notebooks"
    with pytest.raises(urllib.error.HTTPError):
        page(url.partition("?")[0])
    first.send_signal(signal.SIGINT)
    assert first.wait(LIMIT_S) == 0
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()

    second = started("jupyter", "train", "-o", "jsonl")
    said = json.loads(opened(second))
    valid(said, schema_of("jupyter"))
    assert said["run"] is None and page(said["url"]) == b"notebooks"
    second.terminate()
    assert second.wait(LIMIT_S) == 0
    (run,) = stage.runs()
    assert run.name.startswith("jupyter-") and not (run / "status").exists(), "the one from before was used"


def test_a_browser_is_opened_by_a_page_that_only_its_user_can_read(
    stage: Stage, there: Path, started: Started, tmp_path: Path, wait_until: Callable[..., None]
):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nf=${{1#file://}}\nstat -c %a "$f" >{tmp_path}/seen; cat "$f" >>{tmp_path}/seen\n')
    browser.chmod(0o755)
    process = started("jupyter", "train", DISPLAY=":7", BROWSER=str(browser))
    url = opened(process)
    wait_until(lambda: (tmp_path / "seen").exists() and url in (tmp_path / "seen").read_text(), timeout_s=LIMIT_S)
    assert (tmp_path / "seen").read_text().startswith("600\n")
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_S) == 0
    assert list(stage.home.run.glob("*.html")) == []


def test_what_is_missing_is_said_with_the_command_that_installs_it(stage: Stage, there: Path):
    (there / "broken").touch()
    found = stage("jupyter", "train", "--no-browser")
    assert found.code == 1 and "ended at once" in found.err and "gpu-shopper logs train jupyter-" in found.err
    (there / ".local" / "bin" / "jupyter").unlink()
    found = stage("jupyter", "train")
    assert found.code == 1 and "gpu-shopper run train -- pip install jupyterlab" in found.err


def test_a_port_that_is_taken_here_is_refused_at_once(stage: Stage, there: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = stage("jupyter", "train", "--port", str(taken.getsockname()[1]))
    assert found.code == 2 and "cannot be used here" in found.err and stage.asked == []
    assert os.listdir(there / ".local") == ["bin"]
