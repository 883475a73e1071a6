"""The search page: conversations by any word said in them, by a name or address, or by their reference."""

from __future__ import annotations

import re

from aiohttp import web

from newsroom import board, conversation, search
from newsroom.conversation import NotFound
from newsroom.web.keys import SCOPE
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

REFERENCE = re.compile(r"#?([0-9A-Za-z-]{10,20})")


def routes(add: Routes) -> None:
    add.page("GET", "/zoek", show, "read", name="search")


async def show(request: web.Request) -> web.Response:
    """What is found for `q`, newest first. A whole reference leads to its conversation at once."""
    words = request.query.get("q", "").replace("\0", "").strip()[:search.LONGEST]
    async with seen(request).transaction() as connection:
        reference = REFERENCE.fullmatch(words)
        if reference:
            try:
                found = await conversation.find(connection, reference[1].upper(), request[SCOPE])
                raise web.HTTPSeeOther(str(request.app.router["conversation"].url_for(reference=found.reference)))
            except NotFound:
                pass  # an ordinary word
        hits = await search.find(connection, request[SCOPE], words, search.HITS + 1)
        extracts = await search.extracts(connection, hits[:search.HITS], words)
        names = await board.names(connection)
    return page(request, "search.html", words=words, hits=hits[:search.HITS], more=len(hits) > search.HITS,
                extracts=extracts, names=names)
