"""The queue, for whoever watches over it: how old the work is, who has what, what was late and why, what came back.

Every number is of the moment that the page names, and leads to a list with exactly those conversations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from aiohttp import web

from newsroom import absence, board, breach, change, event, nightly, redistribution, report, setting
from newsroom.board import Names
from newsroom.breach import Breach, Reopening
from newsroom.change import By, Wrong
from newsroom.conversation import Conversation
from newsroom.database import Connection, take_wall_down
from newsroom.redistribution import NOBODY, NORM, NORMS, Person
from newsroom.report import AGES, Ask, Span, Work
from newsroom.web import fields
from newsroom.web.fragments import unix
from newsroom.web.keys import ACCOUNT, ADDRESS, SCOPE, now
from newsroom.web.render import page
from newsroom.web.routes import Routes
from newsroom.web.visitor import counted, seen

SHOWN = 5  # conversations named on the overview, of each kind
PERIOD = {"vandaag": "today", "week": "week", "maand": "month"}  # as in the address
WORST = 500  # breaches of which the present row is looked at, for the list of what is late now


def routes(add: Routes) -> None:
    add.page("GET", "/wachtrij", show, "figures", name="queue")
    add.page("POST", "/wachtrij/norm", set_norm, "triage", name="queue_norm")
    add.page("POST", "/wachtrij/vrij", set_away, "triage", name="queue_away")


@dataclass(frozen=True, slots=True)
class Line:
    """One person in the table of work; without a person: nobody."""

    person: Person | None
    work: Work

    @property
    def id(self) -> int:
        return self.person.id if self.person else NOBODY


async def show(request: web.Request) -> web.Response:
    """All figures of one moment. Without the right to divide work: no persons and no conversations."""
    return await overview(request)


async def set_norm(request: web.Request) -> web.StreamResponse:
    """How many conversations one person has to do at a time."""
    number = next(iter((await fields.read(request)).numbers("norm")), 0)
    if number not in NORMS:
        return await overview(request, 422, {"norm": "wrong.norm"})
    async with seen(request).transaction() as connection:
        old = await redistribution.norm(connection)
        await setting.write(connection, NORM, number)
        await change.note(connection, by(request), "norm", None, "", {"norm": old}, {"norm": number})
    raise web.HTTPSeeOther(str(request.app.router["queue"].url_for()) + "#work")


async def set_away(request: web.Request) -> web.StreamResponse:
    """Somebody is away until a day, or at work again."""
    form = await fields.read(request)
    who, until, today = next(iter(form.numbers("who")), 0), _day(form.text("until")), board.day_start(now(request))
    try:
        async with seen(request).transaction() as connection:
            if who not in {one.id for one in await redistribution.people(connection, {}, now(request))}:
                raise Wrong("who", "wrong.account")
            if form.on("back"):
                await absence.back(connection, who, today, by(request))
            else:
                await absence.away(connection, who, today, until or date.min, by(request))
    except Wrong as wrong:
        return await overview(request, 422, {wrong.field: wrong.key})
    raise web.HTTPSeeOther(str(request.app.router["queue"].url_for()) + "#work")


async def overview(request: web.Request, status: int = 200, problems: Mapping[str, str] | None = None) -> web.Response:
    """The page."""
    at, classes = now(request), report.classes(request[SCOPE])
    period = report.span(PERIOD.get(request.query.get("periode", ""), "week"), at)
    async with counted(request).snapshot() as connection:
        epoch, position = await event.position(connection)
        names = await board.names(connection)
        work = await report.work(connection, classes, at)
        values: dict[str, Any] = {
            "teams": await report.ages(connection, classes, at), "lines": [], "late_now": [], "late_rows": [],
            "balance": await report.balance(connection, classes, period),
            "problems_now": await report.problems(connection, classes), "norm": await redistribution.norm(connection),
            **await _past(connection, classes, period)}
        if request[SCOPE].may("triage"):
            values |= await _persons(connection, classes, work, at, values["breaches"], values["reopened"])
        values["night"], values["night_at"] = await _night(connection, request)
    return page(request, "queue/queue.html", status, at=at, period=period, periods=PERIOD, epoch=epoch, names=names,
                position=position, work=work, ages=AGES, problems=problems or {}, today=board.day_start(at),
                totals=[sum(team.ages[n] for team in values["teams"]) for n in range(len(AGES))], unix=unix,
                causes=Counter(one.cause for one in values["breaches"]), parts=report.PARTS,
                extra_parts=report.EXTRA_PARTS, figure=figures(request, at, period), **values)


def figures(request: web.Request, at: datetime, period: Span):
    """`figure(kind, ...)` for the templates: the address of the list behind a number."""
    words = {name: word for word, name in PERIOD.items()}
    base = request.app.router["queue_list"].url_for()

    def address(kind: str, **which: Any) -> str:
        return str(base.with_query({"wat": kind, "periode": words[period.name], "op": f"{at.timestamp():.6f}",
                                    **{name: str(value) for name, value in which.items()}}))

    return address


def read_ask(query: Mapping[str, str], at: datetime) -> tuple[datetime, Span]:
    """The moment and the period in the address of a list: the same as on the page that the number stood on, when
    that is not older than the day."""
    try:
        moment = datetime.fromtimestamp(float(query.get("op", "")), at.tzinfo)
    except (ValueError, OverflowError, OSError):
        moment = at
    if not report.midnight(at, 1) < moment <= at:
        moment = at
    return moment, report.span(PERIOD.get(query.get("periode", ""), "week"), moment)


def by(request: web.Request) -> By:
    return By(request[ACCOUNT].id, now(request), request[ADDRESS])


async def _past(connection: Connection, classes: list[str], period: Span) -> dict[str, Any]:
    return {"breaches": await breach.breaches(connection, classes, period),
            "reopened": await breach.reopened(connection, classes, period)}


async def _persons(connection: Connection, classes: list[str], work: Mapping[int, Work], at: datetime,
                   late: list[Breach], back: list[Reopening]) -> dict[str, Any]:
    """Who has what, and the conversations that are named: the worst that are late now, the last that came back."""
    staff = await redistribution.people(connection, dict(work), at)
    lines = [Line(one, one.work) for one in staff]
    open_ones = [one for one in late if one.ended is None][:WORST]
    rows = {row.id: row for row in await report.rows(
        connection, classes, Ask("ids", ids=tuple(one.conversation_id for one in open_ones)), at, limit=WORST)}
    still = sorted(((rows[one.conversation_id], one) for one in open_ones if _is_late(rows.get(one.conversation_id))),
                   key=lambda pair: (pair[0].due_at, pair[0].id))
    recent = {row.id: row for row in await report.rows(
        connection, classes, Ask("ids", ids=tuple(one.conversation_id for one in back[:SHOWN])), at)}
    known = {one.id for one in staff}
    gone = [Line(None, one) for who, one in work.items() if who and who not in known and one.open + one.waiting]
    return {"lines": lines, "gone": gone, "nobody": Line(None, work.get(NOBODY, Work(NOBODY))),
            "late_now": still[:SHOWN], "still_late": len(still),
            "recent": [(recent[one.conversation_id], one) for one in back[:SHOWN] if one.conversation_id in recent]}


def _is_late(row: Conversation | None) -> bool:
    return row is not None and row.live and row.lateness == 2 and row.due_at is not None


async def _night(connection: Connection, request: web.Request) -> tuple[list[tuple[str, int, int]], datetime | None]:
    """What the nightly check found: (kind, how many this person may see, how many are no conversation at all)."""
    last = await nightly.last(connection)
    if last is None:
        return [], None
    await take_wall_down(connection)  # what is nobody's conversation must not be told from one that is hidden
    found = []
    for kind, ids in sorted(last[1].items()):
        mine = await report.ids_of(connection, ids)
        n = await report.count(connection, report.classes(request[SCOPE]), Ask("ids", ids=mine), last[0])
        found.append((kind, n, len(ids) - len(mine)))
    return [one for one in found if one[1] or one[2]], last[0]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def names_of(row: Conversation, names: Names) -> tuple[str, str, str]:
    """Channel, team and person of a row, in words; empty when there is none."""
    return (names.channels.get(row.channel_id, ("", ""))[1], names.teams.get(row.team_id or 0, ""),
            names.accounts.get(row.assignee_id or 0, ("", ""))[0])

