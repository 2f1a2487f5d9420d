"""Read `--env-file`, in docker's format: NAME=VALUE lines, # for remarks, NAME alone takes the value from here."""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.core.model.shell_environment import name_problem, value_problem
from gpushopper.errors import UsageError

MOST_BYTES = 1024 * 1024


def read_env_files(paths: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of all files; a later one wins.

    Raises:
        UsageError: a file cannot be read, or a line is none; the text names its number and never repeats it (F103).
    """
    found: dict[str, str] = {}
    for path in paths:
        found |= parse_env_file(path, _read(path), environ)
    return found


def parse_env_file(path: str, text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of one file. As docker does: values are taken as they are, with quotes and blanks.

    Raises:
        UsageError: as `read_env_files`.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        where = f"{path}, line {number}"
        if problem := name_problem(name if sign else name.rstrip()):
            raise UsageError(f"{where}: {problem}", "write: NAME=VALUE, or NAME for a variable of this shell")
        if not sign:
            name = name.rstrip()
            if name not in environ:
                # The line may be a token that looks like a name: it is not repeated.
                raise UsageError(f"{where}: there is no such variable here", "set it: export NAME=...")
            value = environ[name]
        if problem := value_problem(name, value):
            raise UsageError(f"{where}: {problem}", f"give it with --secret-env {name}, which takes any text")
        found[name] = value
    return found


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} is larger than 1 MB", "is that the right file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text (UTF-8)", "is that the right file?") from error
