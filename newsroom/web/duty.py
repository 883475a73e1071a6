"""Dienst: who works when, who is chef dag, and taking that over. The board shows who is there now."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from newsroom import account, board, language, shift
from newsroom.access import PERMISSIONS, Scope
from newsroom.board import day_start
from newsroom.change import Wrong
from newsroom.database import Connection
from newsroom.shift import Chief, Shift
from newsroom.web import fields
from newsroom.web.admin.frame import Problem, by, done, notice, problem
from newsroom.web.fields import Fields
from newsroom.web.keys import BELL, DATABASE, SCOPE, now
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import seen

PATH = "/dienst"
FARTHEST = timedelta(days=366)  # from today, both ways
CLOCK = re.compile(r"([0-9]{1,2})[:.]?([0-9]{2})?")
NEW = {"id": "0", "who": "", "from": "", "until": "", "chief": ""}


def routes(add: Routes) -> None:
    add.page("GET", PATH, show, "roster", name="duty")
    add.page("GET", f"{PATH}/stand", stand, "read", name="duty_standing")
    add.page("POST", PATH, change, "plan")
    add.page("POST", f"{PATH}/chef", lead, "triage", name="duty_chief")


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is there now, how many of them have nothing in hand as far as the asker may see, and who is chef
    dag."""

    there: frozenset[int]
    free: int
    chief: Chief | None


async def standing(connection: Connection, scope: Scope, at: datetime) -> Duty:
    """The tile and the top row of the board."""
    there = await shift.on_duty(connection, at)
    busy = await board.busy(connection, scope, list(there))
    return Duty(frozenset(there), len(there) - len(busy), await shift.chief(connection, at))


async def stand(request: web.Request) -> web.Response:
    """Who is there now, as JSON, for boards that are open."""
    async with seen(request).snapshot() as connection:
        told = await standing(connection, request[SCOPE], now(request))
    chief = {"id": told.chief.account_id, "name": told.chief.name, "initials": told.chief.initials,
             "until": language.clock(told.chief.until)} if told.chief else None
    return web.json_response({"there": sorted(told.there), "free": told.free, "chief": chief})


async def show(request: web.Request) -> web.Response:
    """One day, and who is there now."""
    return await _page(request, _day(request, request.query.get("dag", "")))


async def change(request: web.Request) -> web.StreamResponse:
    """Keep a shift, take one away (`do=remove`), or copy the same day of last week (`do=copy`)."""
    form = await fields.read(request)
    day, do, id = _day(request, form.text("day")), form.text("do"), next(iter(form.numbers("id")), 0)
    try:
        async with request.app[DATABASE].transaction() as connection:
            if do == "copy":
                saved = "copied" if await shift.copy_week(connection, day, by(request)) else "copied_none"
            elif do == "remove":
                await shift.remove(connection, id, by(request))
                saved = "removed"
            else:
                await shift.save(connection, id, next(iter(form.numbers("who")), 0), day, *_times(form),
                                 form.on("chief"), by(request))
                saved = "saved"
    except Wrong as wrong:
        return await _page(request, day, form.all(*NEW), [
            problem(request, f"{wrong.field}-{id}", wrong.key, **wrong.values_of_key)])
    raise _back(request, day, saved)


async def lead(request: web.Request) -> web.StreamResponse:
    """Whoever asks is chef dag from now on."""
    try:
        async with request.app[DATABASE].transaction() as connection:
            await shift.take_over(connection, request[SCOPE].account_id, by(request))
    except Wrong as wrong:
        return await _page(request, day_start(now(request)), NEW, [problem(request, wrong.field, wrong.key)])
    raise done(request, "duty", "chief")


async def _page(request: web.Request, day: date, typed: Mapping[str, str] = NEW,
                problems: Sequence[Problem] = ()) -> web.Response:
    today, at = day_start(now(request)), now(request)
    monday = day - timedelta(days=day.weekday())
    async with request.app[DATABASE].snapshot() as connection:
        rows = await shift.of_day(connection, day)
        people = [one for one in await account.everyone(connection)
                  if one.disabled_at is None and not PERMISSIONS["work"].isdisjoint(one.roles)]
        there, chief = await shift.on_duty(connection, at), await shift.chief(connection, at)
        last = await shift.of_day(connection, day - shift.WEEK)
    return page(request, "duty.html", 422 if problems else 200, day=day, today=today, week=[
        monday + timedelta(days=n) for n in range(7)], step=shift.WEEK, shifts=[_typed(one, typed) for one in rows],
        new=typed if typed["id"] in ("", "0") else NEW, people=people, there=there, chief=chief, problems=problems,
        can_copy=bool(last), notice=notice(request, ("saved", "removed", "copied", "copied_none", "chief")))


def _typed(one: Shift, typed: Mapping[str, str]) -> tuple[Shift, dict[str, Any]]:
    """A shift with what its fields show: what was typed when that could not be kept."""
    return one, dict(typed) if typed["id"] == str(one.id) else {
        "from": language.clock(one.since), "until": language.clock(one.until), "chief": one.chief}


def _back(request: web.Request, day: date, saved: str) -> web.HTTPSeeOther:
    request.app[BELL]()
    url = request.app.router["duty"].url_for().with_query({"dag": day.isoformat(), "saved": saved})
    return web.HTTPSeeOther(str(url))


def _day(request: web.Request, text: str) -> date:
    """The day that is asked for; today for what is no day, or too far away."""
    today = day_start(now(request))
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if abs(day - today) <= FARTHEST else today


def _times(form: Fields) -> tuple[time, time]:
    """As people write a time: 8, 8:30, 08.30, 0830."""
    found = []
    for name in ("from", "until"):
        parts = CLOCK.fullmatch(form.text(name).strip())
        hour, minute = (int(parts[1]), int(parts[2] or 0)) if parts else (99, 0)
        if hour > 24 or minute > 59 or (hour == 24 and minute):
            raise Wrong(name, "wrong.time")
        found.append(time(hour % 24, minute))
    return found[0], found[1]
