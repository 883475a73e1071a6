"""Beheer, closing days: the holidays of the country, and the days on which this municipality differs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from newsroom import calendar
from newsroom.board import day_start
from newsroom.calendar import HOLIDAYS, ClosingDay
from newsroom.change import Wrong
from newsroom.hours import holidays_of
from newsroom.web import fields
from newsroom.web.admin import week
from newsroom.web.admin.frame import PATH, Problem, by, done, notice, problem
from newsroom.web.admin.week import Row
from newsroom.web.fields import Fields
from newsroom.web.keys import DATABASE, now
from newsroom.web.render import page, say
from newsroom.web.routes import Routes

KEPT = timedelta(days=31)  # past days stay this long on the page
FARTHEST = timedelta(days=3 * 366)
EMPTY = {"day": "", "name": "", "hours": "", "from": "", "to": ""}


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/sluitingsdagen", show, "configure", name="admin_days")
    add.page("POST", f"{PATH}/sluitingsdagen", save, "configure")
    add.page("POST", f"{PATH}/sluitingsdagen/feestdagen", save_holidays, "configure", name="admin_holidays")
    add.page("POST", f"{PATH}/sluitingsdagen/verwijder", remove, "configure", name="admin_days_remove")


async def show(request: web.Request) -> web.Response:
    """The days of this year and the next."""
    return await _page(request)


async def save(request: web.Request) -> web.StreamResponse:
    """One more day that differs: closed, or open at other times."""
    form = await fields.read(request)
    wanted, problems = await _read(request, form)
    if problems or wanted is None:
        return await _page(request, form.all(*EMPTY), problems)
    try:
        async with request.app[DATABASE].transaction() as connection:
            await calendar.set_closing_day(connection, wanted, by(request))
    except Wrong as wrong:
        return await _page(request, form.all(*EMPTY), [problem(request, wrong.field, wrong.key)])
    raise done(request, "admin_days")


async def save_holidays(request: web.Request) -> web.StreamResponse:
    """Whether Good Friday and Liberation Day are days off here."""
    form = await fields.read(request)
    async with request.app[DATABASE].transaction() as connection:
        await calendar.set_holidays(connection, {name: form.on(name) for name in HOLIDAYS}, by(request))
    raise done(request, "admin_days")


async def remove(request: web.Request) -> web.StreamResponse:
    """Open again as on other days."""
    form = await fields.read(request)
    day, hours = _day(form.text("day")), form.numbers("hours")
    if day is not None:
        async with request.app[DATABASE].transaction() as connection:
            await calendar.remove_closing_day(connection, day, hours[0] if hours else None, by(request))
    raise done(request, "admin_days", "removed")


async def _read(request: web.Request, form: Fields) -> tuple[ClosingDay | None, list[Problem]]:
    """The day of the form, with every problem at once."""
    problems = []
    day, hours = _day(form.text("day")), form.numbers("hours")
    today = day_start(now(request))
    if day is None or not today - KEPT <= day <= today + FARTHEST:
        problems.append(problem(request, "day", "wrong.day", say(request, "days.day")))
    if not form.text("name").strip():
        problems.append(problem(request, "name", "wrong.name", say(request, "field.name")))
    async with request.app[DATABASE].connection() as connection:
        if hours and await calendar.get(connection, hours[0]) is None:
            problems.append(problem(request, "hours", "wrong.choice", say(request, "days.hours")))
    rows: list[list[Row]] = [[] for _ in week.DAYS]
    texts = form.text("from").strip(), form.text("to").strip()
    place = day.weekday() if day else 0
    rows[place] = [Row(*texts)] if any(texts) else []
    blocks, _, wrong = week.read(request, rows)
    problems += [Problem("from", one.text) for one in wrong]
    if problems or day is None:
        return None, problems
    times = tuple((block.start, block.end) for block in blocks)
    return ClosingDay(day, hours[0] if hours else None, form.text("name"), times), []


async def _page(request: web.Request, typed: Any = EMPTY, problems: Sequence[Problem] = ()) -> web.Response:
    today = day_start(now(request))
    async with request.app[DATABASE].snapshot() as connection:
        kept = await calendar.holidays(connection)
        own = await calendar.closing_days(connection, today - KEPT)
        calendars = await calendar.every(connection)
    names = {one.id: one.name for one in calendars}
    shown = [(one, names.get(one.hours_id or 0, ""), [(week.clock(a), week.clock(b)) for a, b in one.blocks])
             for one in own]
    years = {year: holidays_of(year, **kept) for year in (today.year, today.year + 1)}
    return page(request, "admin/days.html", 422 if problems else 200, years=years, kept=kept, own=shown,
                calendars=calendars, typed=typed, problems=problems, notice=notice(request, ("saved", "removed")),
                switches=HOLIDAYS, today=today)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
