"""Secrets of an organisation, of which the ssh keys mark it as one that we have seen (tensordock.md 9)."""

from __future__ import annotations

from typing import Any

from gpushopper.providers.api import Call, Failure, Reply
from gpushopper.providers.base import Endpoint, ErrorKind, Marks, ReadFailed
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.tensordock.parsing import error_replies
from gpushopper.providers.tensordock.parsing.ids import read_id

LIST = Call(Endpoint.KEYS.value, "GET", "/secrets")


def add_call(name: str, public_key: str) -> Call:
    """The request that stores a public key; no VM gets it, for a create names the secrets that it wants."""
    attributes = {"name": name, "value": public_key, "type": "SSHKEY"}
    return Call(Endpoint.KEYS.value, "POST", "/secrets", body={"data": {"type": "secret", "attributes": attributes}})


def read_marks(answer: Reply | Failure, unknown: UnknownFields) -> Marks | ReadFailed:
    """The ids of all secrets, whatever their kind. One that cannot be read is left out: it is none of ours."""
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    data = body.get("data")
    rows = data.get("secrets") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        unknown.note("secrets: unknown shape")
        return ReadFailed(ErrorKind.SHAPE, "a list of secrets of unknown shape")
    return Marks(frozenset(found for row in rows if (found := _id_of(row)) is not None))


def read_added(answer: Reply | Failure) -> str | ReadFailed:
    """The id of a secret that was stored."""
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    return _id_of(body.get("data")) or ReadFailed(ErrorKind.SHAPE, "a stored secret without an id")


def _id_of(row: Any) -> str | None:
    return read_id(row.get("id")) if isinstance(row, dict) else None
