"""How a run is followed without its output: on its instance, and as kept here once that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.cli.remote import run_control, runs, ssh_connection
from gpushopper.errors import NotFound, ShopperError
from gpushopper.kept_runs import as_ended, kept_runs

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.core.model.run_folder import Run
    from gpushopper.wire import SessionView

UNENDED = ("running",)
PASSING = ("unreached", "not_ready")
"""Errors that may pass: a lost link, an instance that is still starting. The run goes on there."""


class RunWatch:
    """One run of one session; each look asks the instance."""

    def __init__(self, app: App, session: SessionView, run: str) -> None:
        self._app = app
        self._session = session
        self._run = runs.check_id(run)

    def ended(self) -> list[Run]:
        """The run, if it has ended; else nothing.

        Raises:
            NotFound: there is no such run.
            ShopperError: its instance is gone, and what is kept here does not say how it ended.
        """
        now = self._app.now().wall
        try:
            found = run_control.list_runs(ssh_connection.find(self._app, self._session.id), now)
        except ShopperError as error:
            return self._kept(error)
        mine = [each for each in found if each.run == self._run]
        if not mine:
            raise NotFound(f"{self._session.name} has no run {self._run}", self._hint, code="run_not_found")
        return [each for each in mine if each.status not in UNENDED]

    def _kept(self, error: ShopperError) -> list[Run]:
        session = self._app.client.session(self._session.id)
        if error.code in PASSING and not session.end_stage:
            return []
        kept = [as_ended(each) for each in kept_runs(self._app.home, session.id) if each.run.run == self._run]
        if not kept:
            text = f"how run {self._run} of {session.name} ended is not known: {error.message}"
            raise ShopperError(text, self._hint, code="impossible") from error
        return kept

    @property
    def _hint(self) -> str:
        return f"see: gpu-shopper run ls {self._session.name}"
