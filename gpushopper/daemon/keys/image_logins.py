"""How the daemon reads a registry login (image password): when a create needs it, never cached (I21, F105)."""

from __future__ import annotations

import structlog

from gpushopper import config
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.log import Redactor
from gpushopper.paths import Home
from gpushopper.secrets import FoundLogin, KeyProblem, KeyringSource, entry_name, find_login

_log = structlog.get_logger(__name__)


class ImageLogins:
    """Reads one login within a time limit, and redacts it in the log from then on."""

    def __init__(self, home: Home, redactor: Redactor) -> None:
        self._home = home
        self._redactor = redactor

    def __call__(self, registry: str, limit_s: float) -> ImageLogin | KeyProblem:
        settings, keyring = config.load(self._home).keys, None
        if settings.keyring:
            # No user may be present: a locked keyring must not prompt for this.
            entries = {registry: entry_name(self._home, registry)}
            keyring = KeyringSource(entries, min(settings.keyring_seconds, limit_s))
        match find_login(registry, self._home.key_file, keyring):
            case FoundLogin(login, source):
                _log.info("login read", registry=registry, source=source)
                for text in login.redactions():
                    self._redactor.add_redaction(text)
                return login
            case problem:
                return problem
