"""Beheer, four short lists: teams, labels and topics, reasons to close, canned answers. Each is a list with a form per
line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from aiohttp import web

from newsroom import account, calendar, canned, close_reason, label, restriction, team, term
from newsroom.board import day_start
from newsroom.canned import CannedAnswer, Version
from newsroom.change import By, Wrong
from newsroom.close_reason import CloseReason
from newsroom.database import Connection
from newsroom.label import Label
from newsroom.team import Team
from newsroom.web import fields
from newsroom.web.admin.frame import ID, PATH, Problem, by, done, notice, problem
from newsroom.web.fields import Fields
from newsroom.web.keys import BELL, DATABASE, now
from newsroom.web.render import page
from newsroom.web.routes import Routes

CHOSEN = {"hours_id": "hours", "team_id": "teams", "owner_id": "people"}  # a field, and what it is chosen from


class NotADay(Exception):
    """What stands where a day should be is none; the rest of what was `typed` stays."""

    def __init__(self, typed: Any):
        super().__init__("not a day")
        self.typed = typed


@dataclass(frozen=True, slots=True)
class Shelf:
    """One list: the beginning of its route names, its address, an empty line, and the verbs of its domain."""

    name: str
    path: str
    blank: Any
    every: Callable[[Connection], Awaitable[Sequence[Any]]]
    read: Callable[[Any, Fields], Any]
    keep: Callable[[Connection, Any, By], Awaitable[int]]
    put_away: Callable[[Connection, int, bool, By], Awaitable[None]]


async def keep_team(connection: Connection, wanted: Team, who: By) -> int:
    """A team with its hours and whether it is restricted."""
    old = next((one for one in await team.every(connection) if one.id == wanted.id), None)
    id = await team.save(connection, wanted, who)
    await restriction.set_restricted(connection, id, wanted.restricted, who)
    if old is not None and old.hours_id != wanted.hours_id:
        await term.recompute(connection, who.at, who.account_id)
    return id


def read_team(old: Team, form: Fields) -> Team:
    hours = form.numbers("hours")
    return Team(old.id, form.text("name"), form.on("restricted"), hours[0] if hours else None)


def read_label(old: Label, form: Fields) -> Label:
    return Label(old.id, form.text("name"), form.on("topic"))


def read_reason(old: CloseReason, form: Fields) -> CloseReason:
    return CloseReason(old.id, form.text("name_nl"), form.text("name_en"), form.text("outcome"))


def read_canned(old: CannedAnswer, form: Fields) -> CannedAnswer:
    teams, owners, day = form.numbers("team"), form.numbers("owner"), form.text("expires_on")
    typed = CannedAnswer(old.id, form.text("name"), form.text("body"), teams[0] if teams else None,
                         owners[0] if owners else None, version=old.version)
    try:
        return replace(typed, expires_on=date.fromisoformat(day) if day else None)
    except ValueError as error:
        raise NotADay(typed) from error


SHELVES = (
    Shelf("teams", "teams", Team(0, ""), team.every, read_team, keep_team, team.set_archived),
    Shelf("labels", "labels", Label(0, ""), label.every, read_label, label.save, label.set_archived),
    Shelf("reasons", "afrondredenen", CloseReason(0, "", ""), close_reason.every, read_reason, close_reason.save,
          close_reason.set_archived),
    Shelf("canned", "standaardantwoorden", CannedAnswer(0, ""), canned.every, read_canned, canned.save,
          canned.set_archived),
)


def routes(add: Routes) -> None:
    for shelf in SHELVES:
        path, name = f"{PATH}/{shelf.path}", f"admin_{shelf.name}"
        add.page("GET", path, partial(show_all, shelf), "configure", name=name)
        add.page("GET", path + "/nieuw", partial(show, shelf), "configure", name=name + "_new")
        add.page("POST", path + "/nieuw", partial(save, shelf), "configure")
        add.page("GET", f"{path}/{ID}", partial(show, shelf), "configure", name=name + "_one")
        add.page("POST", f"{path}/{ID}", partial(save, shelf), "configure")
        add.page("POST", f"{path}/{ID}/archief", partial(put_away, shelf), "configure", name=name + "_archive")


async def show_all(shelf: Shelf, request: web.Request) -> web.Response:
    """The list."""
    async with request.app[DATABASE].snapshot() as connection:
        rows, choices = await shelf.every(connection), await _choices(connection)
    return page(request, f"admin/{shelf.name}.html", rows=rows, **choices, today=day_start(now(request)),
                notice=notice(request, ("saved", "put_away", "taken_back")))


async def show(shelf: Shelf, request: web.Request) -> web.Response:
    """The form of one line, or of a new one."""
    row, choices = await _find(shelf, request)
    return await _page(shelf, request, row, row, choices)


async def save(shelf: Shelf, request: web.Request) -> web.StreamResponse:
    """Keep it."""
    form, (row, choices) = await fields.read(request), await _find(shelf, request)
    try:
        wanted = shelf.read(row, form)
    except NotADay as wrong:
        return await _page(shelf, request, row, wrong.typed, choices, [problem(request, "expires_on",
                                                                               "wrong.canned_day")])
    for field, name in CHOSEN.items():
        if getattr(wanted, field, None) not in (None, *choices[name]):
            return await _page(shelf, request, row, wanted, choices, [problem(request, field.removesuffix("_id"),
                                                                              "wrong.choice")])
    try:
        async with request.app[DATABASE].transaction() as connection:
            id = await shelf.keep(connection, wanted, by(request))
    except Wrong as wrong:
        return await _page(shelf, request, row, wanted, choices, [problem(request, wrong.field, wrong.key)])
    if isinstance(wanted, Team):
        await _settle(request, id)
    raise done(request, f"admin_{shelf.name}")


async def put_away(shelf: Shelf, request: web.Request) -> web.StreamResponse:
    """No longer offered, or offered again."""
    row, choices = await _find(shelf, request)
    archived = row.archived_at is None
    try:
        async with request.app[DATABASE].transaction() as connection:
            await shelf.put_away(connection, row.id, archived, by(request))
    except Wrong as wrong:
        return await _page(shelf, request, row, row, choices, [problem(request, wrong.field, wrong.key)])
    raise done(request, f"admin_{shelf.name}", "put_away" if archived else "taken_back")


async def _settle(request: web.Request, team_id: int) -> None:
    """What came in while the team was being restricted."""
    request.app[BELL]()
    async with request.app[DATABASE].transaction() as connection:
        await restriction.settle(connection, team_id, by(request))


async def _choices(connection: Connection) -> dict[str, dict[int, str]]:
    """What a line can be given, by id."""
    return {"hours": {one.id: one.name for one in await calendar.every(connection)},
            "teams": {one.id: one.name for one in await team.active(connection)},
            "people": {one.id: one.name for one in await account.everyone(connection) if one.disabled_at is None}}


async def _find(shelf: Shelf, request: web.Request) -> tuple[Any, Mapping[str, Mapping[int, str]]]:
    async with request.app[DATABASE].snapshot() as connection:
        rows, choices = await shelf.every(connection), await _choices(connection)
    if "id" not in request.match_info:
        return shelf.blank, choices
    row = next((one for one in rows if one.id == int(request.match_info["id"])), None)
    if row is None:
        raise web.HTTPNotFound
    return row, choices


async def _page(shelf: Shelf, request: web.Request, row: Any, shown: Any, choices: Mapping[str, Mapping[int, str]],
                problems: Sequence[Problem] = ()) -> web.Response:
    earlier: Sequence[Version] = ()
    if isinstance(row, CannedAnswer) and row.id:
        async with request.app[DATABASE].snapshot() as connection:
            earlier = (await canned.versions(connection, row.id))[1:]
    return page(request, f"admin/{shelf.name}_one.html", 422 if problems else 200, row=row, shown=shown, **choices,
                problems=problems, outcomes=close_reason.OUTCOMES, earlier=earlier, variables=canned.VARIABLES)
