"""The canned answers that can go into the answer of one conversation, filled in for it."""

from __future__ import annotations

from aiohttp import web

from newsroom import board, canned, conversation
from newsroom.conversation import Conversation
from newsroom.language import text
from newsroom.web.conversation import REFERENCE
from newsroom.web.keys import ACCOUNT, SCOPE, SETTINGS, now
from newsroom.web.render import language_of
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen


def routes(add: Routes) -> None:
    add.page("GET", f"/gesprek/{REFERENCE}/standaardantwoorden", show, "work", name="canned")


async def show(request: web.Request) -> web.Response:
    """[{id, name, text}] by name: those for everybody, of one's own teams and of the conversation's team."""
    async with seen(request).snapshot() as connection:
        row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
        teams = {*request[SCOPE].teams, row.team_id or 0}
        found = await canned.offered(connection, sorted(teams), board.day_start(now(request)))
        channel = (await board.names(connection)).channels.get(row.channel_id, ("", ""))[1]
    values = _values(request, row, channel)
    return web.json_response([{"id": one.id, "name": one.name, "text": canned.filled(one.body, values)}
                              for one in found])


def _values(request: web.Request, row: Conversation, channel: str) -> dict[str, str]:
    called = row.author.strip()
    if not called or "@" in called:  # nobody is addressed by a mail address
        called = text(language_of(request), "canned.nobody")
    return {"naam": called, "voornaam": called.split()[0], "kenmerk": row.reference, "kanaal": channel,
            "medewerker": request[ACCOUNT].name, "gemeente": request.app[SETTINGS].organisation}
