"""The LaunchAgent that `daemon install` writes on macOS: keys, types and values as Apple documents them."""

from __future__ import annotations

import plistlib
from pathlib import Path

from gpushopper.cli.process.supervisor.unit_text import launch_agent

DOCUMENTED: dict[str, type | tuple[type, ...]] = {
    "AbandonProcessGroup": bool,
    "Disabled": bool,
    "EnvironmentVariables": dict,
    "ExitTimeOut": int,
    "HardResourceLimits": dict,
    "KeepAlive": (bool, dict),
    "Label": str,
    "LaunchOnlyOnce": bool,
    "LegacyTimers": bool,
    "LimitLoadToSessionType": (str, list),
    "LowPriorityIO": bool,
    "Nice": int,
    "ProcessType": str,
    "Program": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "SessionCreate": bool,
    "SoftResourceLimits": dict,
    "StandardErrorPath": str,
    "StandardInPath": str,
    "StandardOutPath": str,
    "StartInterval": int,
    "ThrottleInterval": int,
    "Umask": (int, str),
    "WorkingDirectory": str,
}
"""Keys of an agent that stays, and the types that each may have: launchd.plist(5)."""
LIMITS = {
    "CPU", "Core", "Data", "FileSize", "MemoryLock", "NumberOfFiles", "NumberOfProcesses", "ResidentSetSize", "Stack",
}  # fmt: skip
PROCESS_TYPES = {"Adaptive", "Background", "Interactive", "Standard"}


def test_it_has_only_keys_that_are_documented_with_their_types(tmp_path: Path):
    """launchd ignores a key that it does not know: a misspelt KeepAlive would keep nothing alive."""
    found = plistlib.loads(launch_agent("a.b", ["/p", "run"], {"A": "b c"}, tmp_path / "log").encode())
    assert set(found) - set(DOCUMENTED) == set()
    assert [key for key, value in found.items() if not isinstance(value, DOCUMENTED[key])] == []
    assert set(found["HardResourceLimits"]) <= LIMITS and found["ProcessType"] in PROCESS_TYPES
    words = [*found["ProgramArguments"], *found["EnvironmentVariables"].values()]
    assert set(map(type, words)) == {str}
    assert found["Umask"] == 0o077, "as an integer; as a text it would be read as an octal number"
    assert Path(found["StandardErrorPath"]).is_absolute(), "launchd expands nothing"
