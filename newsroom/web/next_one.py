"""Volgende voor mij: the oldest that nobody took and nobody else looks at, claimed and opened; and who has room."""

from __future__ import annotations

import secrets

from aiohttp import web

from newsroom import action, board, lanes, redistribution
from newsroom.web import fields
from newsroom.web.actions import refused, sentence
from newsroom.web.gate import home, own_path, wants_page
from newsroom.web.keys import BELL, DATABASE, SCOPE, now
from newsroom.web.live import PRESENCE
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

LOOKED_AT = 100  # conversations that are looked at for one that is free


def routes(add: Routes) -> None:
    add.page("POST", "/bord/volgende", take, "work", name="board_next")
    add.page("GET", "/bord/werklast", loads, "read", name="board_loads")


async def take(request: web.Request) -> web.StreamResponse:
    """Claim the next one and open it. Who is a moment later gets the one after it."""
    form, scope = await fields.read(request), request[SCOPE]
    async with seen(request).connection() as connection:
        rows = await board.untaken(connection, scope, LOOKED_AT)
    for row in rows:
        if request.app[PRESENCE].anybody_else(row.reference, scope.account_id):
            continue
        key = secrets.token_hex(8)
        [result] = await action.act(request.app[DATABASE], scope, key, [row.reference], "claim", {}, now(request))
        if result.ok:
            request.app[BELL]()
            url = str(request.app.router["conversation"].url_for(reference=row.reference))
            if wants_page(request):
                raise web.HTTPSeeOther(url)
            return web.json_response({"id": row.reference, "key": key, "url": url})
    text = sentence(request, "wrong.next_looked_at" if rows else "wrong.next_none", {})
    if wants_page(request):
        return refused(request, text, await own_path(request, form.text("back")) or home(request))
    return web.json_response({"error": text}, status=409)


async def loads(request: web.Request) -> web.Response:
    """What everybody has to do, by id, and how much that should be at most."""
    async with seen(request).snapshot() as connection:
        return web.json_response({"norm": await redistribution.norm(connection),
                                  "loads": await lanes.loads(connection, request[SCOPE])})
