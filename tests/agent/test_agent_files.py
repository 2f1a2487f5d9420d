"""The agent as one file: old Pythons read it, and its parts do not get in each other's way."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from gpushopper.cli.remote import run_scripts
from gpushopper.core.model.shell_environment import CLEAN, FOLLOWER_SHELL, PULL_SHELL
from gpushopper.remote import guard_files
from gpushopper.remote.agent_files import PARTS_OF_AGENT, agent_text, upkeep_text
from tests.needs import needs

AGENT = Path(__file__).parents[2] / "agent"
OLDEST = (3, 8)


def names_in(text: str) -> list[str]:
    """List what a module defines at its top."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return names


@pytest.mark.parametrize("name", PARTS_OF_AGENT)
def test_each_part_is_in_the_syntax_of_the_oldest_python(name: str):
    ast.parse((AGENT / name).read_text(), feature_version=OLDEST)


def test_as_one_file_no_name_is_defined_twice_and_none_is_missing():
    names = names_in(agent_text())
    assert sorted(names) == sorted(set(names))
    assert names == [name for part in PARTS_OF_AGENT for name in names_in((AGENT / part).read_text())]
    assert "from measure" not in agent_text() and "from verdict" not in agent_text()


def test_it_knows_our_own_programs_by_what_they_are_called_with():
    text = agent_text()
    assert "GS_LIBRARIES=${LD_LIBRARY_PATH-}" in CLEAN and "GS_LIBRARIES=${LD_LIBRARY_PATH-}" in text
    assert "gpu-shopper-run" in run_scripts.start_script("r", "x", "", checks=0) and r"\0gpu-shopper-run\0" in text
    assert PULL_SHELL == "exec /bin/sh -s gpu-shopper-pull" and r"\0-s\0gpu-shopper-pull\0" in text
    assert FOLLOWER_SHELL == "exec /bin/sh -s gpu-shopper-logs" and r"\0-s\0gpu-shopper-logs\0" in text
    assert 'sh "$0" hold' in guard_files.guard_script() and r"/guard.sh\0hold" in text
    assert '"$D/agent.py"' in upkeep_text() and r"/agent.py\0watch" in text


@needs("shellcheck")
@pytest.mark.parametrize("dialect", ["sh", "dash"])
@pytest.mark.parametrize("script", ["upkeep.sh", "drop.sh", "over_ssh.sh"])
def test_shellcheck_finds_nothing(dialect: str, script: str):
    text = upkeep_text() if script == "upkeep.sh" else guard_files.agent_script(script)
    found = subprocess.run(
        ["shellcheck", "-s", dialect, "-"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")
