"""Load the parts that an instance is brought over ssh once it is ready: agent.py, as one file, and upkeep.sh."""

from __future__ import annotations

import re

from gpushopper.core.model import run_folder
from gpushopper.remote.guard_files import agent_script

AGENT, UPKEEP = "agent.py", "upkeep.sh"
PARTS_OF_AGENT = ("verdict.py", "measure.py", AGENT)
"""Its rules, its eyes, its hands: each needs those before it."""

_OWN_IMPORT = re.compile(r"^from (?:verdict|measure) import .*\n", re.MULTILINE)

_INCLUDE = re.compile(r"^# include (.+)\n", re.MULTILINE)


def agent_text() -> str:
    """The whole agent as one file, which needs nothing but Python's standard library."""
    return "\n\n".join(_OWN_IMPORT.sub("", agent_script(name)).strip("\n") for name in PARTS_OF_AGENT) + "\n"


def upkeep_text() -> str:
    """Load agent/upkeep.sh, which the guard calls at each tick, as one file: with what its lines `# include` name."""
    return _INCLUDE.sub(lambda match: _included(match[1]), agent_script(UPKEEP))


def _included(name: str) -> str:
    return run_folder.STATE.strip("\n") + "\n" if name == "run_folder.STATE" else agent_script(name)
