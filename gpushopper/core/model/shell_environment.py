"""The shell environment of our scripts on an instance: PATH reset, variables unset; and which variables are valid.

Also the file of the user's variables there, which runs and login shells read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where every image has its programs. The user's PATH comes after it: some images have programs elsewhere."""

SHELL = "exec /bin/sh -s"
"""A command for any login shell: it starts a POSIX shell that reads its script from stdin.

The path is whole, because a variable `PATH` of the user's is set before any command of ours.
"""

FOLLOWER_SHELL = f"{SHELL} gpu-shopper-logs"
"""The same for scripts that follow a run's output: by this word the agent knows that they are no use (F128)."""

PULL_SHELL = f"{SHELL} gpu-shopper-pull"
"""The same for pulls: what they read and send is no use either, and withdraws no idle end."""

# The loader's variables and the separators go first: they would act on the programs that look for the others. Those
# that are kept are the shell's own (read-only in bash, where unsetting one would end the script) or needed. A home that
# is not there is replaced by the one of the user's entry. Flags may have been set through SHELLOPTS.
CLEAN = f"""\
GS_LIBRARIES=${{LD_LIBRARY_PATH-}}
unset IFS LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
set +efuvx
PATH={SYSTEM_PATH}:${{PATH-}}
for v in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do
  case $v in PATH|GS_*|HOME|USER|LOGNAME|SHELL|BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID) ;; *) unset "$v" ;; esac
done
LC_ALL=C
[ -d "${{HOME-}}" ] || eval HOME=~$(id -un)
export PATH HOME LC_ALL
"""
"""The first lines of every script of ours that runs over ssh; `GS_LIBRARIES` keeps the user's LD_LIBRARY_PATH."""

# The label that the instance began with is kept. Our line comes first in the shells' files, because a shell may return
# from its file early.
INSTALL_VARIABLES = """
umask 077
d=$HOME/.gpu-shopper
mkdir -p "$d" || exit 1
{ grep -s "^export GS_LABEL='[a-z0-9-]*'\\$" "$d/environment" | head -n 1; cat; } >"$d/environment.new" &&
mv "$d/environment.new" "$d/environment" || exit 1
line='if [ -r "$HOME/.gpu-shopper/environment" ]; then . "$HOME/.gpu-shopper/environment"; fi'
for f in .profile .bashrc .bash_profile .zshenv; do
  case $f in .bash_profile|.zshenv) [ -e "$HOME/$f" ] || continue ;; esac
  grep -qF "$line" "$HOME/$f" 2>/dev/null && continue
  { echo "$line" && if [ -e "$HOME/$f" ]; then cat "$HOME/$f"; fi; } >"$d/shell" || exit 1
  cat "$d/shell" >"$HOME/$f" || exit 1
done
rm -f "$d/shell"
"""
"""A script that reads `exports` from its input, and lets runs and login shells of its user see them."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHELL_VARIABLES = frozenset(
    ("BASHOPTS", "BASH_VERSINFO", "EGID", "EUID", "GID", "PPID", "SHELLOPTS", "UID", "USERNAME", "status")
)
"""Variables reserved by some shells: setting one aborts a script, or changes the user in zsh."""


def exports(variables: Mapping[str, str]) -> str:
    """Shell lines that set these variables, where the shell lets them be set."""
    return "".join(_export(name, f"export {name}='{_quoted(value)}'") for name, value in variables.items())


def _export(name: str, line: str) -> str:
    if name not in _SHELL_VARIABLES:
        return f"{line}\n"
    return f'if [ -z "${{ZSH_VERSION-}}" ] && ({line}) 2>/dev/null; then {line}; fi\n'


def over_ssh(script: str) -> str:
    """A script as one command for any login shell; stdin is passed on to the script."""
    return f"exec /bin/sh -c '{_quoted(CLEAN + script)}'"


def _quoted(text: str) -> str:
    """The text, to stand between single quotes."""
    return text.replace("'", "'\"'\"'")


def name_problem(name: str) -> str:
    """Why this is no valid name of a variable, without repeating it (F103); empty if it is."""
    if name.startswith("GS_"):
        return "names of variables that begin with GS_ are ours"
    if _NAME.fullmatch(name):
        return ""
    return "the part before = is not a variable name: letters, digits and _ only, and no digit first"


def value_problem(name: str, value: str) -> str:
    """Why not every provider and shell can pass on a variable's value; empty if they can."""
    if "\0" in value:
        return f"the value of {name} has a NUL character in it: no program can be given that"
    if "\n" in value or "\r" in value:
        return f"the value of {name} has a line break in it: clouds cannot carry that"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"the value of {name} is not text (UTF-8): clouds cannot carry that"
    return ""
