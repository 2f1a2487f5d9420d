"""The files that a service manager reads: a systemd user unit, or a LaunchAgent; each names one home (D16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

WATCHDOG_S = 120
"""A daemon that has not said for so long that its loops turn is ended and started again."""
RESTART_S = 5
START_LIMIT_S = 120
"""A keyring may take 25 s, an upgrade of a large database longer."""
STOP_LIMIT_S = 30

_UNIT = """\
# Written by `gpu-shopper daemon install`, removed by `gpu-shopper daemon uninstall`.
[Unit]
Description=GPU Shopper: ends on time what it has rented
# Never give up: a daemon that does not run ends nothing.
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
{environment}
Restart=always
RestartSec={restart}
# Fed only while every loop of the daemon turns.
WatchdogSec={watchdog}
TimeoutStartSec={start}
TimeoutStopSec={stop}
KillMode=mixed
OOMPolicy=continue
LimitCORE=1
UMask=0077

[Install]
WantedBy=default.target
"""


def systemd_unit(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """The text of a user unit that runs this command with these variables beside the manager's own."""
    return _UNIT.format(
        command=" ".join(_quoted(word).replace("$", "$$") for word in command),
        environment="\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in variables.items()),
        restart=RESTART_S,
        watchdog=WATCHDOG_S,
        start=START_LIMIT_S,
        stop=STOP_LIMIT_S,
    )


def _quoted(word: str) -> str:
    """One word as a unit file has it (systemd.syntax(7)); % begins a specifier."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def launch_agent(label: str, command: Sequence[str], variables: Mapping[str, str], log: Path) -> str:
    """The text of a LaunchAgent that starts with the login and is started again whenever it ends."""
    import plistlib  # 10 ms, on macOS only

    fields = {
        "Label": label,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": RESTART_S,
        "ExitTimeOut": STOP_LIMIT_S,
        "ProcessType": "Background",
        "HardResourceLimits": {"Core": 0},
        "Umask": 0o077,
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps(fields).decode()
