"""The views of the board: the ready-made ones, and those that somebody kept under a name."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from yarl import URL

from newsroom import board, saved_view
from newsroom.board import Filter
from newsroom.change import Wrong
from newsroom.database import Connection
from newsroom.web import fields
from newsroom.web.actions import refused, sentence
from newsroom.web.board_filter import LAYOUTS, View, address, filter_query, layout_of, read_filter
from newsroom.web.keys import DATABASE, SCOPE
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    add.page("POST", "/bord/weergaven", save, "read", name="views")
    add.page("POST", "/bord/weergaven/{id:[0-9]{1,9}}", change, "read", name="view")


async def of(connection: Connection, request: web.Request, wanted: Filter) -> list[View]:
    """The tabs: ready-made views, then saved ones, each with how many open conversations it has."""
    scope, layout = request[SCOPE], layout_of(request.query)
    known = {"all": Filter(), "triage": Filter(assignees=(0,)), "mine": Filter(assignees=(scope.account_id,)),
             "team": Filter(teams=tuple(sorted(scope.teams))), "late": Filter(lateness=(2,))}
    if not scope.teams:
        del known["team"]
    found = [View(name, rule, address(request, rule), await _n(connection, request, rule), rule == wanted)
             for name, rule in known.items()]
    for one in await saved_view.seen_by(connection, scope.account_id):
        query = URL.build(query_string=one.query, encoded=True).query
        rule, form = read_filter(query), layout_of(query)
        found.append(View(one.name, rule, address(request, rule, form), await _n(connection, request, rule),
                          (rule, form) == (wanted, layout), one))
    return found


async def save(request: web.Request) -> web.Response:
    """Keep the filter and layout in `query` as `name`; `shared`: for everybody, by who may triage."""
    form = await fields.read(request)
    query = URL.build(query_string=form.text("query"), encoded=True).query
    kept = _kept(query)
    shared = form.on("shared") and request[SCOPE].may("triage")
    back = str(request.app.router["board"].url_for().with_query(kept))
    try:
        async with request.app[DATABASE].transaction() as connection:
            await saved_view.save(connection, request[SCOPE].account_id, form.text("name"),
                                  URL.build(query=kept).raw_query_string, shared)
    except Wrong as wrong:
        return refused(request, sentence(request, wrong.key, wrong.values_of_key), back, 422)
    raise web.HTTPSeeOther(back)


async def change(request: web.Request) -> web.Response:
    """Rename one's own view, or with `do=remove` forget it."""
    form, id = await fields.read(request), int(request.match_info["id"])
    back = str(request.app.router["board"].url_for().with_query(
        _kept(URL.build(query_string=form.text("query"), encoded=True).query)))
    try:
        async with request.app[DATABASE].transaction() as connection:
            mine = request[SCOPE].account_id
            done = await saved_view.remove(connection, mine, id) if form.text("do") == "remove" else \
                await saved_view.rename(connection, mine, id, form.text("name"))
    except Wrong as wrong:
        return refused(request, sentence(request, wrong.key, wrong.values_of_key), back, 422)
    if not done:
        raise web.HTTPNotFound
    raise web.HTTPSeeOther(back)


def _kept(query: Mapping[str, str]) -> dict[str, str]:
    """The part of an address that a view keeps."""
    layout = layout_of(query)
    return filter_query(read_filter(query)) | ({"vorm": layout} if layout != LAYOUTS[0] else {})


async def _n(connection: Connection, request: web.Request, rule: Filter) -> int:
    return sum((await board.count(connection, request[SCOPE], rule)).values())
