"""Digests that tell two keys of a cloud apart in the database, without the key (I21).

The salt is a random file beside the database and in no backup of it: who is handed a database, a backup or a report
cannot test with it whether a key that leaked elsewhere was used here. A salt that is lost makes every key unknown,
which is safe: the account is then proven again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os

from gpushopper.core.secret import Credential
from gpushopper.paths import Home
from gpushopper.private_files import write_private

SALT_BYTES = 32
DIGEST_LENGTH = 32
"""Hexadecimal digits that are kept."""


def digest_of(home: Home, cloud: str, credential: Credential | None) -> str:
    """The digest of a key; empty, which is no known key, without one or where the salt cannot be read or written."""
    if credential is None:
        return ""
    try:
        salt = _salt(home)
    except OSError:
        return ""
    names = sorted(name for name, _ in credential.parts)
    text = json.dumps([cloud, [[name, credential.reveal(name)] for name in names]])
    return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()[:DIGEST_LENGTH]


def _salt(home: Home) -> bytes:
    try:
        salt = bytes.fromhex(home.key_salt.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        salt = b""
    if len(salt) != SALT_BYTES:
        salt = os.urandom(SALT_BYTES)
        write_private(home.key_salt, salt.hex())
    return salt
