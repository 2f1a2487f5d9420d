"""The guard of one provider: agent/guard.sh with the calls, headers and commands of its guard recipe (D7, S29)."""

from __future__ import annotations

import re
import shlex

from gpushopper.core.model.guard_recipe import BEARER, ID_MARK, KEY_MARK, GuardCall, OnInstance, PowerOff, SelfDestroy

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.:-]+")
_HEADER = re.compile(r"[A-Za-z0-9-]+: [A-Za-z0-9 ._/+=:;-]*")

# Where guard.sh has the one header of most providers: in wget's configuration, for curl, and for python3.
_IN_FILE = f"header=Authorization: Bearer {KEY_MARK}"
_FOR_CURL = r"""'header="Authorization: Bearer %s"\n'"""
_FOR_PYTHON = '"Authorization":"Bearer "+k'


_OBEY = '! early "$x" || due=$e'


def guard_for(recipe: OnInstance, script: str, *, obeys_early_ends: bool = True) -> str:
    """Put the recipe's functions above the guard's script; the script itself stays as it is, headers aside.

    Without `obeys_early_ends` it reports the ends that come before the deadline, and leaves them to us: where power-off
    does not end the bill, it would save nothing, cut off results, and may lose the GPU (ends.md E9).

    Raises:
        ValueError: a name, endpoint or header of the recipe that a shell or HTTP client would read as something else.
    """
    if not obeys_early_ends:
        script = _replaced(script, _OBEY, ":")
    if isinstance(recipe, PowerOff):
        return _power_off(recipe) + script
    for name in (recipe.id_variable, recipe.key_variable):
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"not the name of a variable: {name!r}")
    if not _ENDPOINT.fullmatch(recipe.endpoint):
        raise ValueError(f"not an endpoint: {recipe.endpoint!r}")
    names = f"URL={recipe.endpoint} ID_IN={recipe.id_variable} KEY_IN={recipe.key_variable}\n"
    return f"{names}{_self_destroy(recipe)}{_with_headers(script, recipe.headers)}"


def _self_destroy(recipe: SelfDestroy) -> str:
    # Where the provider has no stop, it counts as refused.
    stop = "code=499" if recipe.stop is None else _call(recipe.stop)
    # A later call is made only once the one before is done: `answer` is the guard's function and its result.
    destroy = "\nanswer\n[ $answer = ok ] || return\n".join(map(_call, recipe.destroy))
    return _functions({"see": _call(recipe.read), "destroy": destroy, "stop": stop, "last": _last(recipe.last_resort)})


def _power_off(recipe: PowerOff) -> str:
    """Its self-test is whether it may power off; its only way to end is the last resort, at once.

    497 tells that it runs as an ordinary user. `refused` is the guard's count of refusals, which the last resort waits
    for otherwise.
    """
    see = 'text= code=497\n[ $(id -u) != 0 ] || code=200 ID=self text=\'"id": "self"\''
    bodies = {"see": see, "destroy": "refused=9 code=499", "stop": "code=499", "last": _last(recipe.verbs)}
    return f"URL=none ID_IN=GS_NONE KEY_IN=GS_NONE\n{_functions(bodies)}"


def _functions(bodies: dict[str, str]) -> str:
    return "".join(f"{name}() {{\n{body}\n}}\n" for name, body in bodies.items())


def _last(commands: tuple[str, ...]) -> str:
    return f'for x in {shlex.join(commands)}; do\nsh -c "$x"\ndone'


def _call(guard_call: GuardCall) -> str:
    body = _with_id(guard_call.body) if ID_MARK in guard_call.body else shlex.quote(guard_call.body)
    return f"call {shlex.quote(guard_call.method)} {_with_id(guard_call.path)} {body}"


def _with_id(text: str) -> str:
    """The text in double quotes, where the shell replaces nothing but the id."""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", text.replace(ID_MARK, "\0")).replace("\0", "$ID") + '"'


def _with_headers(script: str, headers: tuple[tuple[str, str], ...]) -> str:
    """The script with these headers in the place of the one that it has.

    Raises:
        ValueError: no header holds the key, or two do, or one has a character that ends it or its quotes.
    """
    if headers == BEARER:
        return script
    lines = [f"{name}: {value}" for name, value in headers]
    plain = [line.replace(KEY_MARK, "") for line in lines]
    if "".join(lines).count(KEY_MARK) != 1 or not all(map(_HEADER.fullmatch, plain)):
        raise ValueError(f"headers that a guard cannot send: {[name for name, _ in headers]}")
    for_curl = "".join(f'header="{line.replace(KEY_MARK, "%s")}"\\n' for line in lines)
    parts = [(name, *value.partition(KEY_MARK)) for name, value in headers]
    for_python = ",".join(
        f'"{name}":"{before}"' + (f'+k+"{after}"' if mark else "") for name, before, mark, after in parts
    )
    for former, ours in (
        (_IN_FILE, "\n".join(f"header={line}" for line in lines)),
        (_FOR_CURL, f"'{for_curl}'"),
        (_FOR_PYTHON, for_python),
    ):
        script = _replaced(script, former, ours)
    return script


def _replaced(script: str, former: str, ours: str) -> str:
    if script.count(former) != 1:
        raise ValueError(f"the guard does not have {former!r} exactly once")
    return script.replace(former, ours)
