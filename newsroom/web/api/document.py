"""The OpenAPI document, made from the routes and the models: what it says is what is served."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from aiohttp import web

from newsroom import api_token
from newsroom.web.api import models
from newsroom.web.api.frame import BASE, JSON, OPERATIONS, Operation, encode
from newsroom.web.keys import SETTINGS
from newsroom.web.problem import API_VERSION
from newsroom.web.routes import Routes

TEMPLATE = "#/components/schemas/{name}"
VERSION = {"API-Version": {"description": "The version of the API.", "schema": {"type": "string"}}}
PATH = {"reference": {"type": "string", "pattern": "^[0-9A-Z-]{1,20}$"},
        "id": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
        "file": {"type": "integer", "minimum": 0, "maximum": 999_999_999}}
REASONS = {400: "Something is wrong with the request; `invalidParams` has everything.", 401: "No valid token.",
           403: "The token, or the account it reads for, may not do this.",
           404: "It does not exist, or the token may not see it.", 409: "The key was used for another message.",
           410: "The position is from before a restore.", 413: "Too large.", 415: "Not JSON.",
           503: "The database is away; try again."}
INTRODUCTION = """Read conversations, follow what happens, and hand over messages.

Names are camelCase, moments UTC. Lists have `next`. A token sees exactly what its account sees on the board. Errors are
`application/problem+json`."""


def routes(add: Routes) -> None:
    add.page("GET", BASE + "/openapi.json", show, "machine", name="api_document")


async def show(request: web.Request) -> web.Response:
    """Readable without a token, from any page."""
    made = document(request.app)
    return web.Response(body=encode(made), content_type=JSON, headers={
        "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"})


def document(app: web.Application) -> dict[str, Any]:
    """The whole document, by a walk over what is served."""
    operations, settings = app[OPERATIONS], app[SETTINGS]
    kinds = [one for operation in operations.values() for one in (operation.result, operation.body)
             if one not in (None, bytes)]
    _, schemas = msgspec.json.schema_components([*kinds, models.Problem], ref_template=TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in operations.items():
        paths.setdefault(path.removeprefix(BASE), {})[method.lower()] = _operation(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Newsroom {settings.organisation}", "version": API_VERSION, "description": INTRODUCTION,
                 "contact": {"name": settings.organisation, "url": settings.address},
                 "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}},
        "servers": [{"url": settings.address + BASE}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {
            "type": "http", "scheme": "bearer", "description": "Made in Beheer, or with `newsroom token add`. Scopes: "
            + "; ".join(f"`{name}`: {what}" for name, what in api_token.SCOPES.items()) + "."}}},
    }


def _operation(path: str, operation: Operation) -> dict[str, Any]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": PATH[name]}
                  for name in re.findall(r"\{(\w+)\}", path)]
    parameters += _query(operation)
    if operation.keyed:
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": True,
                           "description": "Equal on every try of one message.",
                           "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"}})
    made = {"operationId": operation.name, "summary": operation.summary, "parameters": parameters,
            "tags": [path.removeprefix(BASE).split("/")[1]], "security": [{"token": [operation.needs]}],
            "responses": _responses(operation)}
    if operation.body:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    return made


def _query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    found = []
    for one in msgspec.structs.fields(operation.query):
        (schema,), _ = msgspec.json.schema_components([one.type], ref_template=TEMPLATE)
        description = schema.pop("description", "")
        found.append({"name": one.encode_name, "in": "query", "required": False, "description": description,
                      "schema": schema})
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    content = {"*/*": {"schema": {}}} if operation.result is bytes else {JSON: {"schema": _ref(operation.result)}}
    found: dict[str, Any] = {str(operation.status): {"description": "Done.", "headers": VERSION, "content": content}}
    for status in operation.problems:
        found[str(status)] = {"description": REASONS[status], "headers": VERSION, "content": {
            "application/problem+json": {"schema": _ref(models.Problem)}}}
    return found


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": TEMPLATE.format(name=kind.__name__)}
