"""Beheer, opening hours: calendars that channels and teams choose from."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from newsroom import calendar
from newsroom.calendar import Calendar, Used
from newsroom.change import Wrong
from newsroom.hours import Block
from newsroom.web import fields
from newsroom.web.admin import week
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.admin.week import Day, Row
from newsroom.web.keys import DATABASE
from newsroom.web.render import page, say
from newsroom.web.routes import Routes

OFFICE = tuple(Block(day, 9 * 60, 17 * 60) for day in range(5))  # what a new calendar begins with
MONDAY = 0


def routes(add: Routes) -> None:
    one = f"{PATH}/openingstijden/{ID}"
    add.page("GET", f"{PATH}/openingstijden", show_all, "configure", name="admin_hours")
    add.page("GET", f"{PATH}/openingstijden/nieuw", show, "configure", name="admin_hours_new")
    add.page("POST", f"{PATH}/openingstijden/nieuw", save, "configure")
    add.page("GET", one, show, "configure", name="admin_hours_one")
    add.page("POST", one, save, "configure")
    add.page("POST", one + "/verwijder", remove, "configure", name="admin_hours_remove")


async def show_all(request: web.Request) -> web.Response:
    """Every calendar with its week."""
    async with request.app[DATABASE].snapshot() as connection:
        rows = await calendar.every(connection)
    shown = [(row, week.show(row.blocks), week.hours(row.minutes)) for row in rows]
    return page(request, "admin/hours_list.html", rows=shown, notice=notice(request, ("saved", "removed")))


async def show(request: web.Request) -> web.Response:
    """The form of one calendar, or of a new one."""
    row = await _find(request)
    return _page(request, row, row, week.show(row.blocks))


async def save(request: web.Request) -> web.StreamResponse:
    """Keep the week; or only change the form: one more block, one less, Monday for all days."""
    form, row = await fields.read(request), await _find(request)
    rows, press = week.typed(form), form.text("do")
    if press and press != "save":
        rows = _pressed(rows, press)
    blocks, days, problems = week.read(request, rows)
    wanted = Calendar(row.id, form.text("name"), tuple(blocks), form.on("always"), row.channels, row.teams)
    if press and press != "save":
        return _page(request, row, wanted, days, press=press)
    if not wanted.name.strip():
        problems.insert(0, problem(request, "name", "wrong.name", say(request, "field.name")))
    if wanted.never_opens() and not problems:
        problems.append(problem(request, "add-0", "wrong.never_open"))
    if problems:
        return _page(request, row, wanted, days, problems)
    try:
        async with request.app[DATABASE].transaction() as connection:
            id = await calendar.save(connection, wanted, by(request))
    except Wrong as wrong:
        return _page(request, row, wanted, days, [problem(request, wrong.field, wrong.key)])
    raise done(request, "admin_hours_one", id=id)


async def remove(request: web.Request) -> web.StreamResponse:
    """A calendar that nothing uses goes."""
    row = await _find(request)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await calendar.remove(connection, row.id, by(request))
    except Used:
        return _page(request, row, row, week.show(row.blocks), [problem(request, "used", "wrong.hours_used")])
    raise done(request, "admin_hours", "removed")


async def _find(request: web.Request) -> Calendar:
    if "id" not in request.match_info:
        return Calendar(0, "", OFFICE)
    async with request.app[DATABASE].connection() as connection:
        row = await calendar.get(connection, int(request.match_info["id"]))
    if row is None:
        raise web.HTTPNotFound
    return row


def _pressed(rows: list[list[Row]], press: str) -> list[list[Row]]:
    """The form after one of its small buttons: `add-1` a block on Tuesday, `drop-1-0` its first block away, `copy`."""
    name, *places = press.split("-")
    numbers = [int(text) for text in places if text.isascii() and text.isdecimal() and len(text) < 3]
    if name == "copy":
        return [list(rows[MONDAY]) for _ in rows]
    if name == "add" and len(numbers) == 1 and numbers[0] in week.DAYS:
        rows[numbers[0]].append(Row("", ""))
    if name == "drop" and len(numbers) == 2 and numbers[0] in week.DAYS:
        rows[numbers[0]] = [row for n, row in enumerate(rows[numbers[0]]) if n != numbers[1]]
    return rows


def _page(request: web.Request, row: Calendar, shown: Calendar, days: Sequence[Day],
          problems: Sequence[Problem] = (), press: str = "") -> web.Response:
    return page(request, "admin/hours.html", 422 if problems else 200, row=row, shown=shown, days=days,
                week_hours=week.hours(shown.minutes), problems=problems, notice=notice(request),
                press=press, most=week.MOST_ROWS)
