"""Beheer, targets: before when each channel answers, by priority."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from newsroom import calendar, channel, term
from newsroom.change import Wrong
from newsroom.channel import Channel, NoChannel
from newsroom.web import fields
from newsroom.web.admin import target_fields
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.admin.target_fields import Row
from newsroom.web.keys import DATABASE, now
from newsroom.web.render import page
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/doelen", show_all, "configure", name="admin_targets")
    add.page("GET", f"{PATH}/doelen/{ID}", show, "configure", name="admin_targets_one")
    add.page("POST", f"{PATH}/doelen/{ID}", save, "configure")


async def show_all(request: web.Request) -> web.Response:
    """The targets of all channels beside each other."""
    async with request.app[DATABASE].snapshot() as connection:
        terms = await term.load(connection, now(request).date())
        rows = []
        for row in await channel.every(connection):
            own = await calendar.targets(connection, row.id)
            rows.append((row, target_fields.rows(request, own, terms, row.id, row.kind)))
    return page(request, "admin/targets.html", rows=rows, order=target_fields.ORDER, notice=notice(request))


async def show(request: web.Request) -> web.Response:
    """The targets of one channel."""
    row, rows = await _find(request)
    return _page(request, row, rows)


async def save(request: web.Request) -> web.StreamResponse:
    """Keep them; all that wait get a fresh term."""
    form, (row, rows) = await fields.read(request), await _find(request)
    wanted, problems = target_fields.read(request, form)
    if problems:
        return _page(request, row, target_fields.typed(form, rows), problems)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await calendar.set_targets(connection, row.id, row.name, wanted, by(request))
    except Wrong as wrong:
        return _page(request, row, target_fields.typed(form, rows), [problem(request, wrong.field, wrong.key)])
    raise done(request, "admin_targets")


async def _find(request: web.Request) -> tuple[Channel, list[Row]]:
    async with request.app[DATABASE].snapshot() as connection:
        try:
            row = await channel.get(connection, int(request.match_info["id"]))
        except NoChannel as error:
            raise web.HTTPNotFound from error
        if row.archived_at is not None:
            raise web.HTTPNotFound
        terms, own = await term.load(connection, now(request).date()), await calendar.targets(connection, row.id)
    return row, target_fields.rows(request, own, terms, row.id, row.kind)


def _page(request: web.Request, row: Channel, rows: Sequence[Row], problems: Sequence[Problem] = ()) -> web.Response:
    return page(request, "admin/target.html", 422 if problems else 200, row=row, targets=rows, problems=problems,
                units=target_fields.UNITS)
