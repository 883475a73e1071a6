"""The conversations behind a number of the queue, on the screen and as a file; and the figures as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from newsroom import audit, board, breach, nightly, redistribution, report
from newsroom.access import Forbidden
from newsroom.board import Names
from newsroom.breach import CAUSES
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.report import AGES, EXTRA_PARTS, PARTS, PROBLEMS, WORK, Ask, Span
from newsroom.web import csv_file
from newsroom.web.keys import ADDRESS, SCOPE, now
from newsroom.web.queue import PERIOD, names_of, read_ask
from newsroom.web.render import page, say
from newsroom.web.routes import Routes
from newsroom.web.visitor import counted

MOST_ROWS = 10_000  # conversations in one file
TABLES = ("leeftijd", "werk", "oorzaken", "uitkomst")  # figures that can be saved; `werk` names persons


def routes(add: Routes) -> None:
    add.page("GET", "/wachtrij/lijst", show, "triage", name="queue_list")
    add.page("GET", "/wachtrij/lijst.csv", save_list, "triage", name="queue_list_csv")
    add.page("GET", "/wachtrij/cijfers.csv", save_figures, "figures", name="queue_csv")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its conversations. `title` and `values` make its heading; `why` has a word per conversation."""

    ask: Ask
    title: str
    values: dict[str, Any] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)


async def show(request: web.Request) -> web.Response:
    """The list, as many lines as the number said."""
    at, period = read_ask(request.query, now(request))
    skip = _number(request.query.get("na", ""))
    classes = report.classes(request[SCOPE])
    async with counted(request).snapshot() as connection:
        names = await board.names(connection)
        figure = await _figure(connection, request, names, at, period)
        total = await report.count(connection, classes, figure.ask, at)
        rows = await report.rows(connection, classes, figure.ask, at, skip)
    query = {name: value for name, value in request.query.items() if name != "na"}
    end = skip + len(rows)
    following = str(request.rel_url.with_query({**query, "na": str(end)})) if end < total else ""
    return page(request, "queue/list.html", figure=figure, rows=rows, total=total, skip=skip, at=at, names=names,
                names_of=names_of, following=following, first=str(request.rel_url.with_query(query)),
                save=str(request.app.router["queue_list_csv"].url_for().with_query(query)),
                back=next(word for word, name in PERIOD.items() if name == period.name))


async def save_list(request: web.Request) -> web.Response:
    """The list as a file, with a line in the log."""
    at, period = read_ask(request.query, now(request))
    async with counted(request).snapshot() as connection:
        names = await board.names(connection)
        figure = await _figure(connection, request, names, at, period)
        rows = await report.rows(connection, report.classes(request[SCOPE]), figure.ask, at, limit=MOST_ROWS)
    await _note(request, request.query.get("wat", ""), len(rows))
    head = ("reference", "channel", "subject", "author", "state", "team", "person", "priority", "since", "due", "why")
    return csv_file.answer("wachtrij-" + _stamp(at), [say(request, f"queue.column.{name}") for name in head],
                           [_line(request, row, names, figure) for row in rows])


async def save_figures(request: web.Request) -> web.Response:
    """A table of the overview as a file, with a line in the log. What names persons needs the right to divide."""
    table = request.query.get("wat", "")
    if table not in TABLES:
        raise web.HTTPNotFound
    if table == "werk" and not request[SCOPE].may("triage"):
        raise Forbidden("triage")
    at, period = read_ask(request.query, now(request))
    async with counted(request).snapshot() as connection:
        head, rows = await _TABLES[table](connection, request, at, period)
    await _note(request, table, len(rows))
    return csv_file.answer(f"wachtrij-{table}-{_stamp(at)}", head, rows)


async def _figure(connection: Connection, request: web.Request, names: Names, at: datetime, period: Span) -> Figure:
    query = request.query
    kind, name = query.get("wat", ""), query.get("naam", "")
    match kind:
        case "leeftijd":
            team = _number(query["team"]) if "team" in query else None
            of = say(request, "queue.all_teams") if team is None else names.teams.get(team, say(request,
                                                                                                "filter.no_team"))
            age = say(request, f"queue.age.{name}") if name in AGES else say(request, "queue.age.all")
            return Figure(Ask("age", team=team, name=name), "queue.list.age", {"team": of, "age": age})
        case "werk" if name in WORK:
            who = _number(query.get("wie", ""))
            return Figure(Ask("work", name=name, who=who), f"queue.list.work.{name}",
                          {"name": names.accounts.get(who, (say(request, "card.nobody"), ""))[0]})
        case "uitkomst" if name in (*PARTS, *EXTRA_PARTS, "unexplained", "all"):
            return Figure(Ask("part", name=name, span=period), "queue.list.part",
                          {"part": say(request, f"queue.part.{name}"), "period": say(request,
                                                                                     f"queue.period.{period.name}")})
        case "probleem" if name in PROBLEMS:
            return Figure(Ask("problem", name=name), f"queue.problem.{name}")
        case "telaat" | "heropend":
            return await _past(connection, request, kind, name, period)
        case "nacht":
            last = await nightly.last(connection)
            ids = await report.ids_of(connection, last[1].get(name, [])) if last else ()
            return Figure(Ask("ids", ids=ids), "queue.list.night")
    raise web.HTTPNotFound


async def _past(connection: Connection, request: web.Request, kind: str, name: str, period: Span) -> Figure:
    """What was late or came back in a period, with the cause."""
    classes = report.classes(request[SCOPE])
    why = {one.conversation_id: one.cause for one in await breach.breaches(connection, classes, period)} \
        if kind == "telaat" else \
        {one.conversation_id: one.why for one in await breach.reopened(connection, classes, period)}
    wanted = {id: word for id, word in why.items() if name in ("", word)}
    prefix = "queue.cause" if kind == "telaat" else "queue.back"
    title = f"{prefix}.{name}" if name in why.values() else "queue.list.late" if kind == "telaat" else \
        "queue.list.reopened"
    return Figure(Ask("ids", ids=tuple(wanted)), title,
                  why={id: say(request, f"{prefix}.{word}") for id, word in wanted.items()})


def _line(request: web.Request, row: Conversation, names: Names, figure: Figure) -> Sequence[object]:
    channel, team, person = names_of(row, names)
    return (row.reference, channel, row.subject or row.excerpt, row.author, say(request, f"state.{row.state}"), team,
            person, say(request, f"priority.{('low', 'normal', 'high', 'urgent')[row.priority]}"),
            row.waiting_since or row.last_at, row.due_at, figure.why.get(row.id, ""))


async def _ages(connection: Connection, request: web.Request, at: datetime, period: Span):
    names = await board.names(connection)
    head = [say(request, "filter.teams"), *(say(request, f"queue.age.{name}") for name in AGES),
            say(request, "queue.open")]
    return head, [(names.teams.get(team.id, say(request, "filter.no_team")), *team.ages, team.open)
                  for team in await report.ages(connection, report.classes(request[SCOPE]), at)]


async def _work(connection: Connection, request: web.Request, at: datetime, period: Span):
    found = await report.work(connection, report.classes(request[SCOPE]), at)
    people = [(one.name, one.work) for one in await redistribution.people(connection, found, at)]
    people += [(say(request, "card.nobody"), found.get(0, report.Work(0)))]
    return ([say(request, "filter.assignees"), *(say(request, f"queue.work.{name}") for name in WORK)],
            [(name, *(getattr(work, figure) for figure in WORK)) for name, work in people])


async def _causes(connection: Connection, request: web.Request, at: datetime, period: Span):
    found = Counter(one.cause for one in await breach.breaches(connection, report.classes(request[SCOPE]), period))
    return ([say(request, "queue.cause"), say(request, "queue.number")],
            [(say(request, f"queue.cause.{name}"), found[name]) for name in CAUSES])


async def _balance(connection: Connection, request: web.Request, at: datetime, period: Span):
    found = await report.balance(connection, report.classes(request[SCOPE]), period)
    rows = [(say(request, "queue.part.all"), found.total)]
    return ([say(request, "queue.outcome"), say(request, "queue.number")],
            rows + [(say(request, f"queue.part.{name}"), n) for name, n in found.parts.items()])


_TABLES = {"leeftijd": _ages, "werk": _work, "oorzaken": _causes, "uitkomst": _balance}


async def _note(request: web.Request, what: str, rows: int) -> None:
    async with counted(request).transaction() as connection:
        await audit.record(connection, "exported", request[SCOPE].account_id, request[ADDRESS], now(request),
                           what=what[:40], rows=rows)


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(board.ZONE):%Y-%m-%d-%H%M}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
