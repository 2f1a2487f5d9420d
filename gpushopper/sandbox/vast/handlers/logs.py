"""Logs and commands: asked for now, fetched a moment later from an address of their own (vastai.md 9)."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask, Response, request

from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.sandbox.timing import SECOND, rfc3339
from gpushopper.sandbox.vast import replies
from gpushopper.sandbox.vast.request_context import Desk

UPLOAD_US = SECOND // 2
"""From the request to the moment when its result can be fetched."""
DEFAULT_TAIL = 1000
LONGEST_LINE = 500
LONGEST_COMMAND = 512
COMMANDS = ("ls", "rm", "du")
_KEPT = 200
"""Results kept; the oldest go first."""
_LISTED = "onstart.sh\nworkspace\n"

ReadLog = Callable[[Instance], str]
"""What the container of an instance has printed so far."""


@dataclass(slots=True)
class Results:
    """What was asked for and when it can be fetched, by the unguessable part of its address."""

    found: dict[str, tuple[int, str]] = field(default_factory=dict)
    made: int = 0

    def add(self, instance: Instance, ready_at: int, text: str) -> str:
        """Keep a result; its token."""
        self.made += 1
        token = hashlib.sha256(f"{instance.secret}:{self.made}".encode()).hexdigest()
        self.found[token] = (ready_at, text)
        while len(self.found) > _KEPT:
            del self.found[next(iter(self.found))]
        return token


def paper_log(instance: Instance) -> str:
    """What the container of a paper instance would have printed."""
    lines = []
    for at, phase in instance.history:
        stamp = rfc3339(at)
        if phase is Phase.LOADING:
            lines.append(f"{stamp} pulling {instance.order.image}")
        elif phase is Phase.RUNNING:
            lines += [f"{stamp} started {instance.order.image}", f"{stamp} running onstart.sh"]
        elif phase is Phase.STOPPED:
            lines.append(f"{stamp} stopped")
    return "".join(f"{line}\n" for line in lines)


def register(app: Flask, desk: Desk, read_log: ReadLog = paper_log) -> None:
    """Add the endpoints; results are kept in memory only."""
    results = Results()

    @app.put("/api/v0/instances/request_logs/<int:instance_id>/")
    def request_logs(instance_id: int) -> Response:
        instance = desk.mine(instance_id)
        if instance is None:
            return replies.refuse(404, "invalid_id", f"Instance {instance_id} not found.")
        body = desk.visit.body
        try:
            tail = int(body.get("tail") or DEFAULT_TAIL)
        except (TypeError, ValueError):
            return replies.refuse(400, "invalid_args", "tail must be a number.")
        text = _daemon_log(instance) if body.get("daemon_logs") == "true" else read_log(instance)
        return _promised(desk, results, instance, _cut(text, tail, str(body.get("filter") or "")))

    @app.put("/api/v0/instances/command/<int:instance_id>/")
    def execute_command(instance_id: int) -> Response:
        instance = desk.mine(instance_id)
        if instance is None:
            return replies.refuse(400, "invalid_container_id", f"Instance {instance_id} not found.")
        said = _run(str(desk.visit.body.get("command") or ""))
        if said is None:
            return replies.refuse(400, "invalid_args", f"Only {', '.join(COMMANDS)} can be run.")
        told = "Command is executing, wait a few seconds and then view the result_url"
        return _promised(desk, results, instance, said, writeable_path="/workspace", msg=told)

    @app.get("/instance_logs/<token>.log", endpoint="fetch_result")
    def fetch_result(token: str) -> Response:
        ready_at, text = results.found.get(token, (None, ""))
        if ready_at is None or desk.market.now() < ready_at:
            # A store of files says so, not the API: no JSON.
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, content_type="application/xml")
        return Response(text, 200, content_type="binary/octet-stream")


def _promised(desk: Desk, results: Results, instance: Instance, text: str, **more: str) -> Response:
    token = results.add(instance, desk.market.now() + UPLOAD_US, text)
    url = f"{request.host_url}instance_logs/{token}.log"
    return replies.reply({"success": True, "result_url": url, "msg": "", **more})


def _cut(text: str, tail: int, pattern: str) -> str:
    """The last lines that hold the words of the filter, none longer than Vast lets it be."""
    lines = [line[:LONGEST_LINE] for line in text.splitlines() if pattern in line]
    return "".join(f"{line}\n" for line in lines[-max(tail, 0) :] if tail > 0)


def _daemon_log(instance: Instance) -> str:
    return f"{rfc3339(instance.created_at)} container C.{instance.id} requested\n"


def _run(command: str) -> str | None:
    """What one of the few commands says of a fresh disk; None where the command is none of them."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words or words[0] not in COMMANDS or len(command) > LONGEST_COMMAND:
        return None
    return {"ls": _LISTED, "du": "8\t.\n", "rm": ""}[words[0]]
