"""API keys, logins at registries, addresses of alerts: where they are looked up, and how they are stored (D15, S23).

Not here: when the daemon reads them (`daemon/keys/`), and the prompts (`cli/commands/set_up/keys.py`).
"""

from __future__ import annotations

from gpushopper.core.secret import Credential, Secret
from gpushopper.secrets.alert_targets import AlertTarget, find_target, remove_target, store_target
from gpushopper.secrets.credential_form import make_credential, pack, unpack
from gpushopper.secrets.key_file import FileSource, StoredLogin, read_key_file, read_logins
from gpushopper.secrets.key_file_changes import remove_key, remove_login, set_key, set_login
from gpushopper.secrets.key_form import LONGEST_KEY, check_form
from gpushopper.secrets.key_problems import (
    KeyIncomplete,
    KeyProblem,
    KeyringLocked,
    KeyringTimeout,
    KeyringUnavailable,
    KeyUnreadable,
    NoKey,
)
from gpushopper.secrets.key_sources import EnvironmentSource, FoundKey, KeyResult, KeySource, find_key
from gpushopper.secrets.keyring_entries import (
    BACKEND_VARIABLE,
    KeyringSource,
    KeyringUnusable,
    entry_name,
    look_at_keyring,
    remove_from_keyring,
    store_in_keyring,
)
from gpushopper.secrets.registry_logins import FoundLogin, find_login

__all__ = [
    "BACKEND_VARIABLE",
    "LONGEST_KEY",
    "AlertTarget",
    "Credential",
    "EnvironmentSource",
    "FileSource",
    "FoundKey",
    "FoundLogin",
    "KeyIncomplete",
    "KeyProblem",
    "KeyResult",
    "KeySource",
    "KeyUnreadable",
    "KeyringLocked",
    "KeyringSource",
    "KeyringTimeout",
    "KeyringUnavailable",
    "KeyringUnusable",
    "NoKey",
    "Secret",
    "StoredLogin",
    "check_form",
    "entry_name",
    "find_key",
    "find_login",
    "find_target",
    "look_at_keyring",
    "make_credential",
    "pack",
    "read_key_file",
    "read_logins",
    "remove_from_keyring",
    "remove_key",
    "remove_login",
    "remove_target",
    "set_key",
    "set_login",
    "store_in_keyring",
    "store_target",
    "unpack",
]
