"""Remove all that is ours in a home: keys in the keyring first, then files by their names; nothing else is touched.

The home may be a folder that holds other things, so that no folder is removed that is not ours or is not empty.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from gpushopper import clouds, config
from gpushopper.daemon.alerts import alert_jobs
from gpushopper.daemon.keys import key_jobs, login_jobs
from gpushopper.paths import Home
from gpushopper.store.sqlite.database_files import file_error


def remove_home(home: Home) -> dict[str, Any]:
    """Remove stored secrets, then files; the caller holds the lock, whose file goes last.

    Raises:
        KeyringUnusable: the keyring is locked or hangs; nothing but keys in the key file is removed by then.
        Misconfigured: a file cannot be removed.
    """
    secrets, warnings = _remove_secrets(home)
    removed = [path for path in files_of(home) if _remove(path)]
    for folder in (home.data, home.config):
        with suppress(OSError):  # not empty: something else is in it
            folder.rmdir()
    return {"removed": [str(path) for path in removed], "secrets": secrets, "warnings": warnings}


def plan_removal(home: Home) -> dict[str, Any]:
    """What is there to be removed."""
    there = [str(path) for path in files_of(home) if path.exists() or path.is_symlink()]
    keys = [str(row["provider"]) for row in key_jobs.listed(home) if row["state"] == "ok"]
    return {"would_remove": there, "secrets": keys + login_jobs.known(home)}


def files_of(home: Home) -> list[Path]:
    """Every file and folder that is ours, whether it is there or not; the lock's comes last."""
    beside = [*home.data.glob(f"{home.database.name}*"), *home.data.glob(f"{home.log.name}*")]
    own = [
        home.config_file, home.key_file, home.metrics_token, home.audit_log, home.ssh_keys, home.completion_names,
        home.kept_runs, home.backups, home.sandbox, home.run, home.installation_file, home.key_salt,
        home.data / "launchd.log", *sorted(beside), home.database, home.log, home.disk_reserve, home.lock,
    ]  # fmt: skip
    return list(dict.fromkeys(own))


def _remove_secrets(home: Home) -> tuple[list[str], list[str]]:
    """Remove keys, logins and addresses wherever they are stored; whose they were, and what may be left."""
    settings = config.load(home)
    found = [key_jobs.remove_key(home, [name]) for name in clouds.accounts(settings.account_clouds)]
    found += [login_jobs.remove_login(home, registry) for registry in login_jobs.known(home)]
    found += [alert_jobs.remove(home, [name]) for name in settings.alerts]
    names = [next(str(each[of]) for of in ("provider", "registry", "channel") if of in each) for each in found]
    gone = [name for name, each in zip(names, found, strict=True) if each["removed"]]
    return gone, [each["warning"] for each in found if each.get("warning")]


def _remove(path: Path) -> bool:
    """Remove a file or a whole folder; a link is removed, not what it leads to. Whether it was there."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise file_error(path, error) from error
    return True
