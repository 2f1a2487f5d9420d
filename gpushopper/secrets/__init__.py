"""Keys of clouds and logins at registries: where they may stand, how we look, and how they are kept (D15, S23)."""

from __future__ import annotations

from gpushopper.core.secret import Secret
from gpushopper.secrets.key_file import FileSource, KeptLogin, read_key_file, read_logins
from gpushopper.secrets.key_file_changes import remove_key, remove_login, set_key, set_login
from gpushopper.secrets.key_form import LONGEST_KEY, check_form
from gpushopper.secrets.key_sources import (
    Absent,
    EnvironmentSource,
    Found,
    Hung,
    KeySource,
    Locked,
    Missing,
    Ok,
    Problem,
    Refused,
    find_key,
    variables_of,
)
from gpushopper.secrets.keyring_entries import BACKEND_VARIABLE, KeyringSource, Unreadable, entry_name, forget, store
from gpushopper.secrets.registry_logins import FoundLogin, find_login

__all__ = [
    "BACKEND_VARIABLE",
    "LONGEST_KEY",
    "Absent",
    "EnvironmentSource",
    "FileSource",
    "Found",
    "FoundLogin",
    "Hung",
    "KeptLogin",
    "KeySource",
    "KeyringSource",
    "Locked",
    "Missing",
    "Ok",
    "Problem",
    "Refused",
    "Secret",
    "Unreadable",
    "check_form",
    "entry_name",
    "find_key",
    "find_login",
    "forget",
    "read_key_file",
    "read_logins",
    "remove_key",
    "remove_login",
    "set_key",
    "set_login",
    "store",
    "variables_of",
]
