"""Beheer, the log: who changed what, with before and after, who signed in, and when a channel stopped working."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from newsroom import account, logbook
from newsroom.board import ZONE
from newsroom.logbook import SUBJECTS, Filter, Line
from newsroom.web.admin.frame import PATH, word
from newsroom.web.keys import DATABASE
from newsroom.web.render import page, say
from newsroom.web.routes import Routes

YEARS = range(2000, 2200)


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/logboek", show, "log", name="admin_log")


async def show(request: web.Request) -> web.Response:
    """A hundred lines, newest first. What is odd in the address is left out of the filter."""
    query = {name: request.query.get(name, "")[:40] for name in ("subject", "account", "since", "until", "before")}
    wanted = _filter(query)
    async with request.app[DATABASE].snapshot() as connection:
        lines = await logbook.read(connection, wanted)
        people = await account.everyone(connection)
    older = ""
    if len(lines) == logbook.PAGE:
        last = lines[-1]
        place = f"{int(last.at.timestamp() * 1_000_000)}.{last.source}.{last.id}"
        older = str(request.rel_url.with_query({**{k: v for k, v in query.items() if v}, "before": place}))
    return page(request, "admin/log.html", lines=[(one, _changes(request, one)) for one in lines], people=people,
                query=query, subjects=list(SUBJECTS), older=older, newest=str(request.rel_url.with_query(None)))


def _filter(query: Mapping[str, str]) -> Filter:
    until = _midnight(query["until"])
    return Filter(query["subject"] if query["subject"] in SUBJECTS else "",
                  int(query["account"]) if _is_number(query["account"]) else None, _midnight(query["since"]),
                  until + timedelta(days=1) if until else None, _place(query["before"]))


def _changes(request: web.Request, line: Line) -> list[tuple[str, str, str]]:
    """What changed: field, before, after."""
    before, after = line.data.get("before") or {}, line.data.get("after") or {}
    return [(word(request, "log.field", name), _value(request, before.get(name)), _value(request, after.get(name)))
            for name in {**before, **after}]


def _value(request: web.Request, value: Any) -> str:
    if value is None or value == "" or value == []:
        return say(request, "log.nothing")
    if isinstance(value, bool):
        return say(request, "log.yes" if value else "log.no")
    if isinstance(value, list):
        return ", ".join(_value(request, one) if not isinstance(one, list) else "-".join(map(str, one))
                         for one in value)
    return word(request, "mode", str(value))


def _midnight(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), ZONE) if day.year in YEARS else None


def _place(text: str) -> tuple[datetime, int, int] | None:
    parts = text.split(".")
    if len(parts) != 3 or not all(map(_is_number, parts)):
        return None
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(parts[0]))
    except OverflowError:
        return None
    return at, int(parts[1]) % 2, int(parts[2])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
