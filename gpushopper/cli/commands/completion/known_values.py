"""What the values of options and arguments may be, by their names; `command_tree` says what each kind means.

What is in neither table and is no choice of click's is not known in advance: `tests/cli/test_completed_values.py` has
the reason for each.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.cli.output.session_views import status_words
from gpushopper.clouds import BUILT_IN
from gpushopper.config import known_keys
from gpushopper.core.alerts.alert import TOPICS
from gpushopper.core.audit_chain import ACTS, HISTORY
from gpushopper.core.spelling.regions import COUNTRIES

GPUS = (
    "3060", "3080", "3090", "4070", "4080", "4090", "5080", "5090", "A4000", "A5000", "A6000", "A10", "A40", "A100",
    "H100", "H200", "B200", "L4", "L40", "L40S", "T4", "V100", "RTX6000Ada",
)  # fmt: skip
"""Cards that are often rented; any other can be typed."""
CLOUDS = tuple(BUILT_IN)
FAULT_WORDS = (
    "drop", "commit_then_500", "commit_then_hang", "commit_then_reset", "commit_then_garbage", "commit_then_no_id",
    "error_with_id", "late", "dup", "stopped", "label_drop", "label_cut", "env_drop", "stuck_loading", "start_failure",
    "unavailable", "reject", "id_never_exists", "refused_yet_created", "stranger_id", "no_forwards", "key_drop", "lag",
    "omit", "page_cut", "page_shift", "dup_rows", "foreign", "empty200", "null200", "needs_key", "stale_stock", "null",
    "404", "stale", "no_field", "status_word", "shape", "ack_noop", "delay", "500_done", "404_alive", "404_gone",
    "stop_instead", "zombie", "needs_min_age", "no_content", "misbill", "revoke", "zero_balance", "balance_lag",
    "price_change", "status", "auth404", "429", "429_plain_text", "schema_change", "pace", "hang", "dns", "blackhole",
    "drip", "huge", "reset", "offline", "captive_portal", "slow", "ssh_refuse", "ssh_authfail", "hostkey_change",
    "reboot", "clock_skew", "no_egress", "disk_full", "agent_kill", "key_scope",
)  # fmt: skip
"""As `sandbox fault words` lists them; a test compares them with the sandbox, which nothing here may import."""
REVISIONS = (
    "destroy", "host_destroy", "stop", "start", "outbid", "offline_host", "online_host", "reboot_host", "contract_end",
    "price_factor", "reclaim_gpus", "gpu_load", "gpu_claim",
)  # fmt: skip
"""What `sandbox revise` can do to an instance; compared with the sandbox, too."""


def listed(words: Iterable[object]) -> str:
    """The kind of a value that is one of these words."""
    return "=" + ",".join(map(str, words))


ARGUMENTS = {
    ("config", "key"): listed(key for key in known_keys() if "*" not in key),
    ("budget", "name"): "budget",
    ("consumers", "name"): "consumer",
    ("consumers", "old"): "consumer",
    ("notify", "name"): "channel",
    ("notify", "command"): "file",
    ("keys", "provider"): "cloud",
    ("sandbox", "provider"): "cloud",
    ("sandbox", "word"): listed(FAULT_WORDS),
    ("sandbox", "action"): listed(REVISIONS),
    ("alarms", "alarm_id"): "alarm",
    ("backup", "name"): "backup",
    ("backup", "file"): "file",
    ("cp", "words"): "remote",
    ("logs", "work"): "run",
    ("run", "work"): "run",
}
"""By the first word of the command and the argument's name."""
OPTIONS = {
    "--gpu": "gpu", "--offer": "offer", "--provider": "cloud", "--account": "cloud", "--consumer": "consumer",
    "--session": "any", "--trial": "cloud", "--like": "any",
    "--env-file": "file", "--setup": "file", "--onstart": "file", "--key-file": "file",
    "--region": listed(("EU", *COUNTRIES)),
    "--tag": "tag", "--untag": "tag_key",
    "--status": listed(status_words()), "--clouds": "cloud", "--kind": listed(sorted(ACTS | HISTORY)),
    "--on": listed(TOPICS),
}  # fmt: skip
WAIT_STATES = "=ready,off,proven,ended,run:"
