"""Parses and validates the body of a create request, with Vast's documented limits (vastai.md 4.1, 4.2)."""

from __future__ import annotations

from typing import Any

from gpushopper.sandbox.market.model import InstanceSpec

_MICROS = 1_000_000


class InvalidCreate(Exception):
    """A create body that Vast rejects with 400; `code` is the error code of the reply."""

    def __init__(self, text: str, code: str = "invalid_args") -> None:
        super().__init__(f"error 400/3467: {text}")
        self.code = code


def parse_create_body(offer_id: int, body: dict[str, Any]) -> InstanceSpec:
    """Return the instance spec of a create body; unknown keys and nulls are ignored. Raises InvalidCreate."""
    image = body.get("image")
    if not image and not body.get("template_hash_id"):
        raise InvalidCreate("image is required without a template")
    args = body.get("args") or []
    if not isinstance(args, list):
        raise InvalidCreate("args must be a list; args_str takes a text")
    onstart = body.get("onstart")
    _limit("image", image, 1024)
    _limit("label", body.get("label"), 256)
    if sum(len(str(text)) for text in (*args, body.get("args_str") or "", onstart or "")) > 4048:
        raise InvalidCreate("args, args_str and onstart are limited to 4048 characters together")
    return InstanceSpec(
        offer_id=offer_id,
        label=None if body.get("label") is None else str(body["label"]),
        image=None if image is None else str(image),
        disk_gb=_read_disk(body.get("disk")),
        env=_read_env(body.get("env")),
        onstart=onstart,
        runtype=body.get("runtype") or "ssh",
        args=tuple(str(arg) for arg in args),
        bid_micros=_read_bid(body.get("price")),
        start=body.get("target_state") != "stopped",
    )


def _limit(name: str, text: Any, most: int) -> None:
    if text is not None and len(str(text)) > most:
        raise InvalidCreate(f"{name} is longer than {most} characters")


def _read_disk(value: Any) -> float:
    try:
        disk = float(10 if value is None else value)
    except (TypeError, ValueError) as error:
        raise InvalidCreate("disk must be a number") from error
    if disk < 8:
        raise InvalidCreate("disk must be at least 8 GB")
    return disk


def _read_bid(value: Any) -> int | None:
    if value is None:
        return None
    try:
        price = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidCreate("price must be a number", "invalid_price") from error
    if not 0.001 <= price <= 128:
        raise InvalidCreate("price must be between 0.001 and 128", "invalid_price")
    return round(price * _MICROS)


def _read_env(env: Any) -> tuple[tuple[str, str], ...]:
    """Return the pairs of `env`; a string in its place is ignored, as Vast does."""
    if not isinstance(env, dict):
        return ()
    pairs = tuple((str(key), str(value)) for key, value in env.items())
    if any(len(key) > 256 or len(value) > 256 for key, value in pairs):
        raise InvalidCreate("env keys and values are limited to 256 characters")
    if sum(len(key) + len(value) for key, value in pairs) > 32_768:
        raise InvalidCreate("env is limited to 32768 characters")
    return pairs
