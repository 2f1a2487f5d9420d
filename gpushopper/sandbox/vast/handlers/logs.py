"""Endpoints of logs and commands: requested now, fetched a moment later from the result's address (vastai.md 9)."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass, field

from flask import Flask, Response, request

from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.requests.request_context import RequestContext
from gpushopper.sandbox.timing import SECOND, rfc3339
from gpushopper.sandbox.vast import replies

UPLOAD_US = SECOND // 2
"""Time from a request until its result can be fetched."""
DEFAULT_TAIL = 1000
LONGEST_LINE = 500
LONGEST_COMMAND = 512
COMMANDS = ("ls", "rm", "du")
_KEPT = 200
"""Number of results kept; the oldest are dropped."""
_LISTED = "onstart.sh\nworkspace\n"


@dataclass(slots=True)
class Results:
    """The requested texts and when each can be fetched, by the unguessable token of its address."""

    found: dict[str, tuple[int, str]] = field(default_factory=dict)
    made: int = 0

    def add(self, instance: Instance, ready_at: int, text: str) -> str:
        """Keep a result and return its token."""
        self.made += 1
        token = hashlib.sha256(f"{instance.secret}:{self.made}".encode()).hexdigest()
        self.found[token] = (ready_at, text)
        while len(self.found) > _KEPT:
            del self.found[next(iter(self.found))]
        return token


def register(app: Flask, ctx: RequestContext) -> None:
    """Add the endpoints; results are kept in memory only."""
    results = Results()

    @app.put("/api/v0/instances/request_logs/<int:instance_id>/")
    def request_logs(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.refuse(404, "invalid_id", f"Instance {instance_id} not found.")
        body = ctx.current.body
        try:
            tail = int(body.get("tail") or DEFAULT_TAIL)
        except (TypeError, ValueError):
            return replies.refuse(400, "invalid_args", "tail must be a number.")
        text = _daemon_log(instance) if body.get("daemon_logs") == "true" else ctx.read_log(instance)
        return _reply_with_link(ctx, results, instance, _cut(text, tail, str(body.get("filter") or "")))

    @app.put("/api/v0/instances/command/<int:instance_id>/")
    def execute_command(instance_id: int) -> Response:
        instance = ctx.own_instance(instance_id)
        if instance is None:
            return replies.refuse(400, "invalid_container_id", f"Instance {instance_id} not found.")
        output = _run(str(ctx.current.body.get("command") or ""))
        if output is None:
            return replies.refuse(400, "invalid_args", f"Only {', '.join(COMMANDS)} can be run.")
        message = "Command is executing, wait a few seconds and then view the result_url"
        return _reply_with_link(ctx, results, instance, output, writeable_path="/workspace", msg=message)

    @app.get("/instance_logs/<token>.log", endpoint="fetch_result")
    def fetch_result(token: str) -> Response:
        ready_at, text = results.found.get(token, (None, ""))
        if ready_at is None or ctx.market.now() < ready_at:
            # Answered by the file store, not by the API: no JSON.
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, content_type="application/xml")
        return Response(text, 200, content_type="binary/octet-stream")


def _reply_with_link(ctx: RequestContext, results: Results, instance: Instance, text: str, **more: str) -> Response:
    token = results.add(instance, ctx.market.now() + UPLOAD_US, text)
    url = f"{request.host_url}instance_logs/{token}.log"
    return replies.reply({"success": True, "result_url": url, "msg": "", **more})


def _cut(text: str, tail: int, pattern: str) -> str:
    """Return the last lines that contain the filter, each cut to LONGEST_LINE."""
    lines = [line[:LONGEST_LINE] for line in text.splitlines() if pattern in line]
    return "".join(f"{line}\n" for line in lines[-max(tail, 0) :] if tail > 0)


def _daemon_log(instance: Instance) -> str:
    return f"{rfc3339(instance.created_at)} container C.{instance.id} requested\n"


def _run(command: str) -> str | None:
    """Return the output of one of the allowed commands on a new disk; None for any other command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words or words[0] not in COMMANDS or len(command) > LONGEST_COMMAND:
        return None
    return {"ls": _LISTED, "du": "8\t.\n", "rm": ""}[words[0]]
