"""The forms of values in settings: each function parses one, or says which form it must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpushopper.core.model.money import Micros, parse_dollars


class Invalid(Exception):
    """A value does not have the form its key needs; the text says which form."""


def as_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 500 or not value.isprintable():
        raise Invalid("a line of text")
    return value.strip()


def as_texts(value: object) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise Invalid("a list of texts")
    return tuple(as_text(item) for item in items)


def as_flag(value: object) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    flag = values.get(str(value).lower())
    if flag is None:
        raise Invalid("true or false")
    return flag


def as_number(lowest: float, highest: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        try:
            number = float(str(value)) if not isinstance(value, bool) else float("nan")
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest:
            raise Invalid(f"a number from {lowest:g} to {highest:g}")
        return number

    return read


def as_count(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        text = "" if isinstance(value, bool) else str(value)
        if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
            raise Invalid(f"a whole number from {lowest} to {highest}")
        return int(text)

    return read


def as_dollars(value: object) -> Micros:
    amount = parse_dollars(value.removeprefix("$") if isinstance(value, str) else value)
    if amount is None:
        raise Invalid("an amount of dollars, such as 0.45")
    return amount


def as_address(value: object) -> str:
    text = as_text(value)
    if not text.startswith(("http://", "https://")):
        raise Invalid("an address that begins with https:// or http://")
    return text.rstrip("/")


def as_folder(value: object) -> str:
    text = as_text(value)
    if not text.startswith("/") or ".." in text.split("/"):
        raise Invalid("the whole path of a folder")
    return text.rstrip("/") or "/"


def as_time_zone(value: object) -> str:
    from zoneinfo import ZoneInfo  # 5 ms, only where one is set

    name = as_text(value)
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        raise Invalid("a time zone, such as Europe/Berlin") from None


def read_by(read: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """Field metadata: the function that parses the value."""
    return {"read": read}
