"""Endpoints of stored ssh keys and other secrets (tensordock.md 9); they cannot be changed (405)."""

from __future__ import annotations

from random import Random
from uuid import UUID

from flask import Flask, Response

from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.tensordock import replies
from gpushopper.sandbox.tensordock.endpoints import BASE, attributes_of

KINDS = ("SSHKEY", "GENERIC")


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints of secrets."""

    @app.get(f"{BASE}/secrets")
    def list_secrets() -> Response:
        rows = [{name: one[name] for name in ("type", "id", "name")} for one in _secrets(ctx)]
        return replies.reply({"data": {"secrets": rows}})

    @app.post(f"{BASE}/secrets")
    def create_secret() -> Response:
        given = attributes_of(ctx.current.body)
        name, value, kind = (given.get(field) for field in ("name", "value", "type"))
        if not name or not isinstance(name, str) or not isinstance(value, str) or kind not in KINDS:
            return replies.problems(("attributes", "name, value and type (SSHKEY or GENERIC) are required"))
        kept = _secrets(ctx)
        rng = Random(f"secret:{ctx.market.seed}:{ctx.market.now()}:{len(kept)}")
        row: dict[str, object] = {"type": kind, "id": str(UUID(int=rng.getrandbits(128), version=4)), "name": name}
        kept.append({**row, "value": value})
        ctx.market.changes += 1
        return replies.reply({"data": {**row, "type": "secret"}})

    @app.get(f"{BASE}/secrets/<secret_id>")
    def get_secret(secret_id: str) -> Response:
        found = _find(ctx, secret_id)
        if found is None:
            return replies.error(404, "Secret not found")
        # Which of the two types withholds its value is not documented: the one that may be a password.
        shown = {name: found[name] for name in found if name != "value" or found["type"] == "SSHKEY"}
        return replies.reply({"data": shown})

    @app.delete(f"{BASE}/secrets/<secret_id>")
    def delete_secret(secret_id: str) -> Response:
        found = _find(ctx, secret_id)
        if found is None:
            return replies.error(404, "Secret not found")
        _secrets(ctx).remove(found)
        ctx.market.changes += 1
        return replies.reply({"data": {"type": "success", "message": "Secret deleted successfully"}})


def _secrets(ctx: RequestContext) -> list[dict[str, object]]:
    return ctx.market.accounts[ctx.caller.account_id].ssh_keys


def _find(ctx: RequestContext, secret_id: str) -> dict[str, object] | None:
    return next((one for one in _secrets(ctx) if one["id"] == secret_id), None)
