"""`logs` of a session whose instance is gone: the output of a run, as kept on this computer (ends.md E8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.app import App
from gpushopper.cli.output.endings.run_table import status_text
from gpushopper.cli.output.text_format import when
from gpushopper.cli.remote import follow_run
from gpushopper.errors import NotFound
from gpushopper.kept_runs import ERR, OUT, KeptRun, kept_runs, read_output

if TYPE_CHECKING:
    from gpushopper.wire import SessionView


def show(app: App, session: SessionView, wanted: str, tail: int) -> bool:
    """Print the kept output of a run, the newest where none is `wanted`; False where nothing of the session is kept.

    Raises:
        NotFound: others are kept, but not this one.
    """
    kept = kept_runs(app.home, session.id)
    if not kept:
        return False
    found = next((each for each in kept if wanted in ("", each.run.run)), None)
    if found is None:
        text = f"no output of a run {wanted} is kept here"
        raise NotFound(text, f"see: gpu-shopper run ls {session.name}", code="run_not_found")
    streams = follow_run.to_stdout_and_stderr()
    for kind, name in (("O", OUT), ("E", ERR)):
        streams.write(kind, _last_lines(read_output(app.home, session.id, found.run.run, name), tail))
    app.note(_about(app, found))
    return True


def _last_lines(text: bytes, count: int) -> bytes:
    return b"".join(text.splitlines(keepends=True)[-count:]) if count else text


def _about(app: App, kept: KeptRun) -> str:
    was = "" if kept.run.is_over else ", then " + status_text(kept.run)
    ended = f", {status_text(kept.run)}" if kept.run.is_over else was
    cut = f"; {kept.left_out} bytes in the middle are left out" if kept.left_out else ""
    return f"run {kept.run.run}{ended}; kept on this computer at {when(kept.kept_at, app.now().wall)}{cut}"
