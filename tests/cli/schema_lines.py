"""Command lines whose answers are held against their schemas: by what they need, and what happens to them."""

from __future__ import annotations

READS = (
    "inventory", "inventory --group-by gpu", "plan -g 4090", "provision -g 4090 --dry-run", "ls", "sessions list -a",
    "costs show", "costs show --by day", "costs summary", "budget ls", "report --month now", "consumers ls", "status",
    "alarms list", "custody", "events", "notify ls", "daemon status", "version",
)  # fmt: skip
"""What asks the daemon, and no session by its name."""
OF_PEOPLE = (
    "budget show lab", "consumers show nobody", "consumers add ada", "consumers rename ada eve", "costs show --verify",
    "budget set days --daily 50 --dry-run", "budget set days --daily 50", "budget rm days", "audit log",
    "audit log --verify", "daemon start",
)  # fmt: skip
"""What asks the daemon of names that are no session's."""
OF_A_SESSION = (
    "get NAME", "get NAME --receipt", "receipt NAME", "sessions get NAME", "why NAME", "why NAME --replay",
    "report NAME", "custody NAME", "events -s NAME", "extend NAME --for 1h --dry-run", "set NAME --tag a=b",
    "logs NAME --provider", "run ls NAME", "ssh NAME --print", "wait NAME --for ready --timeout 1ms",
    "pull NAME out", "shutdown NAME --dry-run", "restart NAME --dry-run", "sessions receipt NAME",
    "sessions extend NAME --for 1h --dry-run", "done NAME --dry-run", "sessions done NAME --dry-run",
    "sessions delete NAME --dry-run", "forget NAME", "adopt 99 --dry-run", "code NAME --print", "jupyter NAME",
)  # fmt: skip
OF_A_FAILED_ONE = ("wait NAME", "extend NAME -y", "ls -a", "ls -s failed", "status", "costs show")
JOBS = (
    "audit instances",
    "keys list",
    "keys test vast",
    "keys remove ghcr.io",
    "doctor",
    "backup ls",
    "backup make",
    "watchdog --installation aaaaaaaaaa",
)
"""What starts a process for a job."""
HERE = (
    "help safety", "config show", "config get brakes.open_sessions", "config set brakes.open_sessions 5",
    "config unset brakes.open_sessions", "config path", "completion bash", "completion zsh", "completion fish",
    "ssh-config print", "version", "daemon status", "daemon stop", "completion install bash",
    "completion uninstall bash", "ssh-config install", "ssh-config remove",
)  # fmt: skip
"""What needs no daemon."""
OF_THE_SANDBOX = (
    "sandbox start", "sandbox status", "sandbox ledger", "sandbox fault words",
    "sandbox fault add vast logs status 500 --count 1", "sandbox fault list", "sandbox fault clear",
    "sandbox launch vast --label theirs", "sandbox advance 1s", "sandbox revise one start",
)  # fmt: skip
TABLES = (
    *READS[4:], "plan -g 4090", "get one", "why one", "why one --replay", "receipt two", "get one --receipt",
    "budget show lab", "consumers show root", "sandbox ledger", "sandbox fault list", "sandbox fault words",
    "custody one", "costs show --verify",
)  # fmt: skip
NO_TABLE = (
    "extend one --for 1h --dry-run", "provision -g 4090 --dry-run", "audit log --verify", "logs one --provider",
    "costs summary", "help safety",
)  # fmt: skip
NOT_LISTED = {
    "budget rm": "says what it has removed; budget ls has the rest",
    "costs summary": "each of its three lists is one of costs show --by provider, gpu or consumer",
    "daemon stop": "what may still bill are remarks on stderr; ls has the table",
    "daemon uninstall": "the same",
    "daemon status": "status has the table",
    "sandbox start": "addresses, and no table",
    "sandbox status": "the same",
}
"""Commands whose JSON has rows, and which print no table of them."""
SET_UP = (
    ("keys set vast --file", "nonsense\n", 0),
    ("keys set ghcr.io --user me --file", "nonsense\n", 0),
    ("keys list", "", 0),
    ("keys test vast", "", 7),
    ("keys remove ghcr.io", "", 0),
    ("notify add hook --kind webhook --file", "http://127.0.0.1:9/hook\n", 0),
    ("notify add called --kind command -- /bin/true", "", 0),
    ("daemon start", "", 0),
    ("notify ls", "", 0),
    ("notify test called", "", 0),
    ("notify test hook", "", 9),
    ("notify rm hook", "", 0),
    ("notify rm hook", "", 3),
    ("daemon restart", "", 0),
    ("config installation new", "", 0),
    ("backup make", "", 0),
    ("backup restore newest -y", "", 0),
    ("alarms ack --all", "", 0),
    ("daemon stop", "", 0),
    ("daemon purge --dry-run", "", 0),
    ("daemon purge -y --i-checked-the-console", "", 0),
)
"""In a home whose clouds do not answer, one after the other: what is typed, what stdin has, the exit status."""
WITH_A_SERVER = ("cp FILE NAME:there", "sync up NAME FOLDER there", "run NAME -d -- true", "run stop NAME RUN")
"""On a real ssh server."""
IN_STORIES = ("alarms ack --all", "sandbox stop")
WITH_A_MANAGER = ("daemon install", "daemon uninstall")
"""In tests/cli/test_supervision.py."""
