"""`jupyter`: find or start Jupyter on a session's instance, forward a port to it, and open it here."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.output import tables
from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.jupyter_server import JupyterServer, find_server, start_server
from gpushopper.cli.remote.port_forward import PortForward, free_port
from gpushopper.private_files import write_private

_PAGE = '<!DOCTYPE html><meta http-equiv="refresh" content="0; url={url}"><a href="{url}">Jupyter</a>\n'


@click.command("jupyter", cls=Command)
@click.argument("name", required=False)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Port here (default: any free one).")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.pass_obj
def jupyter(app: App, name: str | None, port: int | None, no_browser: bool) -> None:
    """Open Jupyter on a session's instance.

    One that runs there is used, else it is started as a run: on loopback only, with a token. A port here is forwarded
    to it, its address is printed, and the browser is opened where there is one. Ctrl-C ends the forward; Jupyter goes
    on there until the session ends.
    """
    here = free_port(port)
    found = ssh_connection.find(app, name)
    server, run = find_server(found), ""
    if server is None:
        app.note(f"starting Jupyter on {found.name} ...")
        app.interrupt_hint = f"Jupyter may have started; see: gpu-shopper logs {found.name} --list"
        server, run = start_server(found)
    with _until_interrupted(), PortForward(app, found, here, server.port) as forward:
        url = server.url(here)
        _print(app, found.name, server, url, run)
        with _opened(app, url, no_browser=no_browser):
            forward.hold()
    app.interrupt_hint = ""
    app.note(f"Jupyter goes on there; open it again: gpu-shopper jupyter {found.name}")
    if run:
        app.note(f"its output: gpu-shopper logs {found.name} {run}")


def _print(app: App, name: str, server: JupyterServer, url: str, run: str) -> None:
    if app.as_json:
        tables.document(app, session=name, url=url, port=server.port, run=run or None)
        return
    tables.out(url)
    if not server.token:
        app.note("it asks for the password that was set there")
    app.note("Ctrl-C ends the forward; Jupyter goes on there")


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block, and nothing else: that is how one leaves."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _opened(app: App, url: str, *, no_browser: bool) -> Iterator[None]:
    """Open the browser by a private page that leads there: an address on a command line would show the token."""
    if no_browser or app.as_json or not _has_browser():
        yield
        return
    import webbrowser

    page = app.home.run / f"jupyter-{os.getpid()}.html"
    try:
        write_private(page, _PAGE.format(url=url))
        webbrowser.open(Path(page).as_uri())
        yield
    finally:
        page.unlink(missing_ok=True)


def _has_browser() -> bool:
    """Whether there is a desktop: a browser for terminals would take this one over."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
