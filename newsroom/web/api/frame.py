"""What every operation of the API shares: the token, whose sight it has, typed input, one form of answer and error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from newsroom import access
from newsroom.access import Forbidden, Scope
from newsroom.api_token import Holder, Tokens
from newsroom.database import Database
from newsroom.web import body
from newsroom.web.api import read
from newsroom.web.keys import DATABASE, SCOPE, now
from newsroom.web.problem import TITLES, Mistake, Refusal, refuse
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

BASE = "/api/v1"
JSON = "application/json"
TOKENS = web.AppKey("tokens", Tokens)
encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks, what they may see, and the typed query. `database` is behind their wall."""

    request: web.Request
    holder: Holder
    scope: Scope | None
    database: Database
    query: Any

    def path(self, name: str) -> str:
        return self.request.match_info[name]

    @property
    def sight(self) -> Scope:
        """What the token's account sees. Raises `Forbidden` for an account that reads no messages."""
        if self.scope is None:
            raise Forbidden("no account")
        self.scope.require("read")
        return self.scope


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as it runs and as the document tells it. `needs` is the token's scope; `query` a Struct of
    parameters, `body` what is posted, `result` what is answered with `status`."""

    name: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    needs: str
    result: type
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    status: int = 200
    problems: tuple[int, ...] = (400, 401, 403, 503)
    keyed: bool = False  # takes an Idempotency-Key


OPERATIONS = web.AppKey("operations", dict[tuple[str, str], Operation])


def serve(add: Routes, method: str, path: str, operation: Operation) -> None:
    """Serve an operation at a path below BASE."""
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            result = await operation.run(await _call(request, operation))
            if isinstance(result, web.StreamResponse):
                return result
            return web.Response(body=encode(result), content_type=JSON, status=operation.status)
        except Exception as error:
            return refuse(request, error)

    resource = add.page(method, BASE + path, handle, "machine", name=f"api_{operation.name}")
    add.app[OPERATIONS][method, resource.canonical] = operation


async def _call(request: web.Request, operation: Operation) -> Call:
    holder = await _holder(request)
    if operation.needs not in holder.scopes:
        raise Refusal(403, TITLES[403], f"This token does not have the scope {operation.needs}.")
    query = read.parameters(request.query, operation.query)
    if holder.account_id is None:
        return Call(request, holder, None, request.app[DATABASE], query)
    async with request.app[DATABASE].connection() as connection:
        scope = await access.scope(connection, holder.account_id)
    if scope is None:
        raise Forbidden("no account")
    request[SCOPE] = scope
    return Call(request, holder, scope, seen(request), query)


async def _holder(request: web.Request) -> Holder:
    found = await request.app[TOKENS].holder(request.headers.get("Authorization", ""), now(request))
    if found is None:
        raise Refusal(401, TITLES[401], "Send Authorization: Bearer with a token that is in use.",
                      headers={"WWW-Authenticate": "Bearer"})
    return found


async def posted(request: web.Request, model: type[msgspec.Struct], most: int) -> tuple[bytes, Any]:
    """The body, raw and as its model. Raises `Refusal` with every mistake."""
    if request.content_type != JSON:
        raise Refusal(415, TITLES[415], f"Send Content-Type: {JSON}.")
    raw = await body.read(request, most)
    return raw, read.body(raw, model)


def wrong(name: str, reason: str) -> Refusal:
    """One parameter that cannot be."""
    return Refusal(400, TITLES[400], "The request has a mistake.", [Mistake(name, reason)])
