"""The end of a test run: what was skipped and how to install it; with --no-skips a skipped test is a failure."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import needs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="Fail when a test was skipped (for CI).")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List each reason with its count, then the one line that installs what is missing."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("not run here")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5}  {reason}")
    if packages := needs.packages(list(reasons)):
        terminalreporter.write_line(f"To run them too: apt-get install -y {' '.join(packages)}")
    if config.getoption("--no-skips"):
        terminalreporter.write_line(f"error: {reasons.total()} skipped, and --no-skips was given", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--no-skips") or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _reason(report: object) -> str:
    place = getattr(report, "longrepr", None)
    return place[2].removeprefix("Skipped: ") if isinstance(place, tuple) else str(place)
