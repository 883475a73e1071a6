"""Beheer, the log: who changed what, with before and after, who signed in, and when a channel stopped working."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aiohttp import web

from newsroom import account, calendar, language, logbook, option, team
from newsroom.board import ZONE
from newsroom.hours import Target
from newsroom.logbook import SUBJECTS, Filter, Line
from newsroom.web.admin import target_fields, week
from newsroom.web.admin.frame import PATH, word
from newsroom.web.keys import CHANNELS, DATABASE, now
from newsroom.web.render import language_of, page, say
from newsroom.web.routes import Routes

YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids and the settings of connectors are called."""

    teams: dict[int, str]
    hours: dict[int, str]
    fields: dict[str, str]


def routes(add: Routes) -> None:
    add.page("GET", f"{PATH}/logboek", show, "log", name="admin_log")


async def show(request: web.Request) -> web.Response:
    """A hundred lines, newest first. What is odd in the address is left out of the filter."""
    query = {name: request.query.get(name, "")[:40] for name in ("subject", "account", "since", "until", "before")}
    wanted = _filter(query)
    async with request.app[DATABASE].snapshot() as connection:
        lines = await logbook.read(connection, wanted)
        people = await account.everyone(connection)
        names = Names({one.id: one.name for one in await team.every(connection)},
                      {one.id: one.name for one in await calendar.every(connection)}, _questions(request))
    older = ""
    if len(lines) == logbook.PAGE:
        last = lines[-1]
        place = f"{int(last.at.timestamp() * 1_000_000)}.{last.source}.{last.id}"
        older = str(request.rel_url.with_query({**{k: v for k, v in query.items() if v}, "before": place}))
    return page(request, "admin/log.html", lines=[(one, _changes(request, one, names)) for one in lines], people=people,
                query=query, subjects=list(SUBJECTS), older=older, newest=str(request.rel_url.with_query(None)))


def _questions(request: web.Request) -> dict[str, str]:
    """The labels of all connectors' settings, with their headings."""
    return {f"settings.{one.name}": ": ".join(filter(None, (one.group, one.label)))
            for kind in request.app[CHANNELS].kinds.values() for one in option.questions(kind.Settings)}


def _filter(query: Mapping[str, str]) -> Filter:
    until = _midnight(query["until"])
    return Filter(query["subject"] if query["subject"] in SUBJECTS else "",
                  int(query["account"]) if _is_number(query["account"]) else None, _midnight(query["since"]),
                  until + timedelta(days=1) if until else None, _place(query["before"]))


def _changes(request: web.Request, line: Line, names: Names) -> list[tuple[str, str, str]]:
    """What changed: field, before (empty when it was nothing), after."""
    before, after = line.data.get("before") or {}, line.data.get("after") or {}
    return [(names.fields.get(name) or word(request, "log.field", name),
             _value(request, name, before[name], names) if before.get(name) else "",
             _value(request, name, after.get(name), names))
            for name in {**before, **after}]


def _value(request: web.Request, name: str, value: Any, names: Names) -> str:
    match name, value:
        case _, None | "" | []:
            return say(request, "log.nothing")
        case _, bool():
            return say(request, "log.yes" if value else "log.no")
        case "team", int():
            return names.teams.get(value, str(value))
        case "hours", int():
            return names.hours.get(value, str(value))
        case "blocks", list():
            return ", ".join(_block(request, block) for block in value)
        case _, list():
            return ", ".join(map(str, value))
        case ("low" | "normal" | "high" | "urgent"), str():
            amount, _, unit = value.partition(" ")
            return target_fields.words(request, Target(float(amount), unit))  # type: ignore[arg-type]
        case ("begins" | "ends" | "retried"), str():
            return language.moment(datetime.fromisoformat(value), language_of(request), now=now(request))
        case ("text_nl" | "text_en" | "target"), str():
            return value
    return word(request, {"mode": "mode", "outcome": "outcome", "opening": "opening"}.get(name, "choice"), str(value))


def _block(request: web.Request, block: list[int]) -> str:
    """ "ma 09:00–17:00"; a closing day's block has no weekday."""
    *weekday, start, end = block
    day = f"{say(request, f'weekday.short.{weekday[0]}')} " if weekday else ""
    return f"{day}{week.clock(start)}–{week.clock(end)}"


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
