"""The search page: conversations by any word said in them, a name or address, operators, or their reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from newsroom import board, conversation, kept_search, search, sought
from newsroom.board import Names
from newsroom.change import Wrong
from newsroom.conversation import NotFound
from newsroom.database import Connection
from newsroom.search import Hit
from newsroom.sought import Sought
from newsroom.web import fields
from newsroom.web.actions import refused, sentence
from newsroom.web.keys import SCOPE, now
from newsroom.web.render import language_of, page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

REFERENCE = re.compile(r"#?([0-9A-Za-z-]{10,20})")
OPERATORS = {"channel": "kanaal", "team": "team", "state": "status", "label": "label"}  # a click makes it narrower


def routes(add: Routes) -> None:
    add.page("GET", "/zoek", show, "read", name="search")
    add.page("POST", "/zoek/bewaard", change, "read", name="searches")


async def show(request: web.Request) -> web.Response:
    """What is found for `q`, newest first; with `alles` more than fit a page. A whole reference leads to its
    conversation at once."""
    words = _words(request.query.get("q", ""))
    account_id, at = request[SCOPE].account_id, now(request)
    async with seen(request).transaction() as connection:
        await _go_to(connection, request, words)
        names = await board.names(connection)
        asked = sought.read(words, names, board.day_start(at))
        found = await search.find(connection, request[SCOPE], asked, search.MOST)
        shown = found.hits if "alles" in request.query else found.hits[:search.HITS]
        extracts = await search.extracts(connection, shown, asked.words)
        if words and not asked.unread:
            await kept_search.remember(connection, account_id, words, at)
        searches = await kept_search.of(connection, account_id)
    return page(request, "search.html", words=words, asked=asked, found=found, shown=shown, extracts=extracts,
                names=names, facets=_facets(request, words, asked, found.hits, names), searches=searches)


async def change(request: web.Request) -> web.Response:
    """Keep the search in `words`, let it go with `do=let_go`, or forget all that is not kept with `do=forget`."""
    form, account_id = await fields.read(request), request[SCOPE].account_id
    words, do = _words(form.text("words")), form.text("do")
    back = request.app.router["search"].url_for().with_query({"q": words} if words else {})
    try:
        async with seen(request).transaction() as connection:
            if do == "forget":
                await kept_search.forget(connection, account_id)
            elif do == "let_go":
                await kept_search.let_go(connection, account_id, words)
            elif words:
                await kept_search.keep(connection, account_id, words, now(request))
    except Wrong as wrong:
        return refused(request, sentence(request, wrong.key, wrong.values_of_key), str(back), 422)
    raise web.HTTPSeeOther(str(back))


async def _go_to(connection: Connection, request: web.Request, words: str) -> None:
    if reference := REFERENCE.fullmatch(words):
        try:
            found = await conversation.find(connection, reference[1].upper(), request[SCOPE])
        except NotFound:
            return  # an ordinary word
        raise web.HTTPSeeOther(str(request.app.router["conversation"].url_for(reference=found.reference)))


def _words(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:search.LONGEST].strip()


def _facets(request: web.Request, words: str, asked: Sought, hits: list[Hit],
            names: Names) -> dict[str, list[tuple[str, int, str]]]:
    """By facet, what the search can be narrowed to: its name, how many were found, and the address."""
    given, speech = {part.field for part in asked.parts}, language_of(request)
    called: dict[str, Callable[[Any], str]] = {
        "channel": lambda id: names.channels[id][1], "team": lambda id: names.teams[id],
        "state": lambda state: sought.called(state, speech), "label": lambda id: names.labels[id][0]}
    address = request.app.router["search"].url_for()
    narrower = {}
    for facet, counted in search.facets(hits).items():
        some = [(called[facet](value), n) for value, n in counted.items()]
        if facet not in given and (len(some) > 1 or facet == "label" and some):
            narrower[facet] = [(name, n, str(address.with_query(
                q=f"{words} {sought.operator(OPERATORS[facet], name)}"))) for name, n in some]
    return narrower
