"""Keys of the providers: where they may stand, in which order we look, and how they are kept (D15, S23)."""

from __future__ import annotations

from gpushopper.secrets.key_file import FileSource, read_key_file, remove_key, set_key
from gpushopper.secrets.keyring_entries import BACKEND_VARIABLE, KeyringSource, Unreadable, entry_name, forget, store
from gpushopper.secrets.secret import LONGEST_KEY, Secret, check_form
from gpushopper.secrets.sources import (
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

__all__ = [
    "BACKEND_VARIABLE",
    "LONGEST_KEY",
    "Absent",
    "EnvironmentSource",
    "FileSource",
    "Found",
    "Hung",
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
    "forget",
    "read_key_file",
    "remove_key",
    "set_key",
    "store",
    "variables_of",
]
