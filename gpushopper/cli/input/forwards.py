"""Port forwards of `ssh`: the short form `8888` or `8080:80`, and all that ssh's own -L and -R take; said in words."""

from __future__ import annotations

import re
from typing import NamedTuple

import click

HERE, THERE = "here", "there"
_LOOPBACK = "127.0.0.1"
_WORD = re.compile(r"\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]\s\x00-\x1f\x7f]*")
_LARGEST_PORT = 65535


class Forward(NamedTuple):
    """One forward: ssh's option with its value, and which address listens where for what."""

    flag: str
    listens: str
    target: str
    is_open: bool
    """Whether it listens on more than the loopback address: others can use it."""

    def text(self, name: str) -> str:
        """In words, for the session of this name."""
        local = self.flag.startswith("-L")
        ours, theirs = ("this computer", name) if local else (name, "this computer")
        target = f"{self.target} as {theirs} sees it" if self.target else f"any address that {theirs} reaches (SOCKS)"
        warning = ", open to others" if self.is_open else ""
        return f"forwarding {self.listens} on {ours}{warning}, to {target}"


class ForwardOption(click.ParamType[Forward]):
    """The value of -L or -R."""

    def __init__(self, flag: str) -> None:
        self.flag = flag
        self.name = "forward"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Forward:
        """The forward, or a usage error."""
        found = value if isinstance(value, Forward) else read_forward(self.flag, str(value))
        if found is None:
            form = "8888, 8080:80 or ssh's own form, [BIND:]PORT:HOST:PORT"
            self.fail(f"{value!r} is no forward: write {form}", param, ctx)
        return found


def read_forward(flag: str, text: str) -> Forward | None:
    """A forward in the form of `ssh -L` or `-R` (ssh(1)); None for what ssh would not take.

    Beside ssh's forms, `-L 8888` is port 8888 on both sides, and `8080:80` port 8080 on the side that listens.
    """
    words = _words(text)
    if words is None:
        return None
    match words:
        case [port] if _is_port(port) and flag == "-L":
            return _loopback(flag, port, port)
        case [port] if _is_port(port):
            return Forward(f"{flag}{_LOOPBACK}:{port}", f"{_LOOPBACK}:{port}", "", False)
        case [bind, port] if flag == "-R" and _is_port(port) and _is_address(bind) and not _is_port(bind):
            return Forward(f"{flag}{text}", f"{bind}:{port}", "", _is_open(bind))
        case [port, other] if _is_port(port) and _is_port(other):
            return _loopback(flag, port, other)
    return _own_form(flag, text, words)


def _own_form(flag: str, text: str, words: list[str]) -> Forward | None:
    """What ssh itself takes: a side is a path, or on the listening side a port with or without an address."""
    sides = _sides(words)
    if sides is None:
        return None
    bind, listens, target = sides
    shown = listens if bind is None else f"{bind or '*'}:{listens}"
    if bind is None and not _is_path(listens):
        shown = f"{_LOOPBACK}:{listens}"
    return Forward(f"{flag}{text}", shown, target, bind is not None and _is_open(bind))


def _sides(words: list[str]) -> tuple[str | None, str, str] | None:
    """The address that listens (None: none is named), its port or path, and the target."""
    *front, last = words
    if _is_path(last):
        target = last
    elif _is_port(last) and len(front) > 1 and front[-1] and _is_address(front[-1]):
        target = f"{front[-1]}:{last}"
        front = front[:-1]
    else:
        return None
    match front:
        case [listens] if _is_port(listens) or _is_path(listens):
            return None, listens, target
        case [bind, listens] if _is_port(listens) and _is_address(bind):
            return bind, listens, target
    return None


def _loopback(flag: str, listens: str, target: str) -> Forward:
    value = f"{_LOOPBACK}:{listens}:{_LOOPBACK}:{target}"
    return Forward(f"{flag}{value}", f"{_LOOPBACK}:{listens}", f"{_LOOPBACK}:{target}", False)


def _words(text: str) -> list[str] | None:
    """The parts between colons; an address in brackets is one part. None where a character cannot be in any."""
    words, at = [], 0
    while True:
        found = _WORD.match(text, at)
        assert found is not None  # it matches nothing, too
        words.append(found[0])
        at = found.end()
        if at == len(text):
            return words
        if text[at] != ":":
            return None
        at += 1


def _is_port(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 6 and 0 < int(word) <= _LARGEST_PORT


def _is_path(word: str) -> bool:
    return "/" in word


def _is_address(word: str) -> bool:
    return not _is_path(word) and not word.startswith("-")


def _is_open(bind: str) -> bool:
    """Whether others can connect: any address but a loopback one. An empty one and `*` are all addresses."""
    return bind not in ("localhost", "[::1]") and not bind.startswith("127.")
