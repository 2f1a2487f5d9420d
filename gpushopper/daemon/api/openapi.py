"""The OpenAPI 3.1 document of the local API, made from the table of routes and the types in it.

Made when it is requested: pydantic takes a quarter of a second for all the schemas.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from gpushopper import wire
from gpushopper.daemon.api.dispatch import table, types_of
from gpushopper.daemon.api.field_docs import field_docs
from gpushopper.daemon.api.request_validation import MAX_NUMBER, MAX_TEXT_LENGTH, SIGNED
from gpushopper.wire.api.routes import COMMAND_ERRORS, COMMON_ERRORS, JSON, Route

Json = dict[str, Any]

MEANINGS = {
    400: "The request is malformed, or says what makes no sense.",
    403: "This daemon is another user's; or of a member: the session is another's, or only the owner may do that.",
    404: "There is no such session, offer, budget ...",
    409: "A rule of safety or money says no, or it is too late for this.",
    413: "The body is larger than 1 MB.",
    422: "The idempotency key was used for another request.",
    424: "A key or a setting is missing, or refused by the cloud.",
    500: "A bug; the daemon's log has it under the request's id.",
    502: "The cloud did not do it, or did not answer.",
    503: "Busy, or the account has not been listed yet: try again in a moment.",
    507: "The disk is full.",
}
PATH_PARTS = {
    "ref": "A session's name or id; where nothing is changed, also the beginning of one.",
    "run": "The id of a run.",
    "name": "Its name.",
    "offer": "The offer's id, with its account: `vast:123`.",
}
INFO = """The local API of the daemon: HTTP on the Unix socket `run/daemon.sock` in its home folder, for its user alone.
Members of a lab server have a socket of their own; `x-who` says who may send a request: the owner, a member, or a
member for a session that is charged to them (own).

Times are integers, µs since 1970 by this computer's clock; spans (`*_us`) are µs; money is in millionths of a dollar,
rates are such per hour. Requests with unknown fields are refused; answers only ever gain fields."""


def document(version: str) -> Json:
    """The whole document."""
    schemas = _Schemas()
    paths: dict[str, Json] = {}
    for name, route in table().items():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(name, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "GPU Shopper", "version": version, "description": INFO, "license": {"name": "MIT"}},
        "servers": [{"url": "http://daemon", "description": "the Unix socket; the host's name says nothing"}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": {str(status): _error_response(text, schemas) for status, text in MEANINGS.items()},
            "parameters": {"RequestId": _request_id(), "IdempotencyKey": _idempotency_key()},
        },
    }


class _Schemas:
    """The schemas of all types in the table; `components` are those they refer to."""

    def __init__(self) -> None:
        wanted: list[tuple[tuple[type[Any], JsonSchemaMode], JsonSchemaMode, TypeAdapter[Any]]] = []
        for kind, mode in dict.fromkeys(_types()):
            wanted.append(((kind, mode), mode, TypeAdapter(kind)))
        found, rest = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
        self._by_type = {kind: schema for (kind, _), schema in found.items()}
        self.components: dict[str, Json] = dict(sorted(rest.get("$defs", {}).items()))
        for name, schema in self.components.items():
            _describe_fields(schema, getattr(wire, name.partition("-")[0]))
        for schema in self._requests():
            _add_limits(schema)

    def of(self, kind: type[Any], mode: JsonSchemaMode) -> Json:
        """The schema of a type, usually a reference."""
        return dict(self._by_type[kind, mode])

    def properties(self, kind: type[Any]) -> dict[str, Json]:
        """The fields of a query."""
        schema = self.of(kind, "validation")
        name = schema.get("$ref", "").rpartition("/")[2]
        return dict(self.components.get(name, schema)["properties"])

    def _requests(self) -> list[Json]:
        """The components that requests are made of, and no answer."""
        return [schema for schema in self.components.values() if schema.get("additionalProperties") is False]


def _types() -> list[tuple[type[Any], JsonSchemaMode]]:
    """Every type of the table, with how it is read: what comes may leave out defaults, what goes has them."""
    found: list[tuple[type[Any], JsonSchemaMode]] = [(wire.ErrorAnswer, "serialization")]
    for route in table().values():
        query, body, answer = types_of(route)
        found += [(kind, "validation") for kind in (query, body) if kind is not None]
        found.append((answer, "serialization"))
    return found


def _operation(name: str, route: Route[Any, Any, Any], schemas: _Schemas) -> Json:
    query, body, answer = types_of(route)
    parameters: list[Json] = [_path_part(piece[1:-1]) for piece in route.path.split("/") if piece.startswith("{")]
    parameters += [] if query is None else _query(query, schemas)
    parameters.append({"$ref": "#/components/parameters/RequestId"})
    found: Json = {
        "operationId": name.lower(),
        "summary": route.summary,
        "x-who": route.who,
        "tags": [route.path.removeprefix("/api/v1").split("/")[1]],
        "parameters": parameters,
        "responses": {str(route.status): _answer(schemas.of(answer, "serialization"), "The answer.", route.media)},
    }
    errors = {*COMMON_ERRORS, *route.errors}
    if route.method != "GET":
        errors |= set(COMMAND_ERRORS)
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if body is not None:
        is_needed = any(each.default is MISSING and each.default_factory is MISSING for each in fields(body))
        content = {JSON: {"schema": schemas.of(body, "validation")}}
        found["requestBody"] = {"required": is_needed, "content": content}
    for status in sorted(errors):
        found["responses"][str(status)] = {"$ref": f"#/components/responses/{status}"}
    if route.path == "/ready":
        found["responses"]["503"] = _answer(schemas.of(answer, "serialization"), "Not yet.")
    return found


def _answer(schema: Json, text: str, media: str = JSON) -> Json:
    header = {"description": "The id of the request, sent or made.", "schema": {"type": "string"}}
    content = {media.partition(";")[0]: {"schema": schema}}
    return {"description": text, "headers": {wire.REQUEST_HEADER: header}, "content": content}


def _error_response(text: str, schemas: _Schemas) -> Json:
    return _answer(schemas.of(wire.ErrorAnswer, "serialization"), text)


def _path_part(name: str) -> Json:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": PATH_PARTS[name], "schema": schema}


def _query(kind: type[Any], schemas: _Schemas) -> list[Json]:
    """The fields of a query as parameters; what is not given has its default, so that null is never written."""
    found = []
    for name, schema in schemas.properties(kind).items():
        plain = {key: value for key, value in schema.items() if key not in ("description", "title")}
        choices = [each for each in plain.pop("anyOf", ()) if each != {"type": "null"}]
        if choices:
            plain = choices[0]
        text = {"description": schema["description"]} if "description" in schema else {}
        found.append({"name": name, "in": "query", "required": False, **text, "schema": plain})
    return found


def _request_id() -> Json:
    return {
        "name": wire.REQUEST_HEADER,
        "in": "header",
        "required": False,
        "description": "An id of up to 64 letters, digits, dots, hyphens, underscores: it returns with the answer, "
        "and stands in the log. One is made where there is none, or another.",
        "schema": {"type": "string"},
    }


def _idempotency_key() -> Json:
    return {
        "name": wire.IDEMPOTENCY_HEADER,
        "in": "header",
        "required": False,
        "description": "The same request with the same key is carried out once, and gets the same answer for 7 days. "
        "It counts for what changes sessions, budgets and consumers; other commands may be repeated anyway.",
        "schema": {"type": "string", "pattern": "^[!-~]{8,128}$"},
    }


def _describe_fields(schema: Json, kind: type[Any]) -> None:
    """Give the fields the texts that stand below them in the source, and leave out titles, which repeat names."""
    schema.pop("title", None)
    texts = field_docs(kind)
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in texts and "$ref" not in field:
            field["description"] = texts[name]


def _add_limits(schema: Json) -> None:
    """Write down what `request_validation.py` checks of every number and text."""
    for name, field in schema["properties"].items():
        for each in (field, *field.get("anyOf", ()), field.get("items", {})):
            if each.get("type") in ("integer", "number"):
                each |= {"maximum": MAX_NUMBER, "minimum": -MAX_NUMBER if name in SIGNED else 0}
            if each.get("type") == "string" and "enum" not in each:
                each["maxLength"] = MAX_TEXT_LENGTH
