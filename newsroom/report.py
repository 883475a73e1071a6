"""The figures of the queue: how old open work is, who has what, and where every conversation went.

Every figure has its conversations: `Ask` names one figure, `count` and `rows` answer it with the same condition. All
of them are of one moment and of one set of visibility classes; the newest state of the database, never a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from newsroom.access import Scope
from newsroom.board import ZONE
from newsroom.conversation import COLUMNS, Conversation
from newsroom.database import Connection

AGES = ("hour", "four_hours", "today", "two_days", "older")
PERIODS = {"today": 1, "week": 7, "month": 30}  # days, today included
PARTS = ("answered", "referred", "joined", "no_reply", "open")  # where a conversation can be
EXTRA_PARTS = ("wrong_address", "spam", "history")  # told when there are any
WORK = ("open", "late", "soon", "waiting", "closed")  # the figures of one person
PROBLEMS = ("unknown", "not_sent", "bounced", "unreadable")  # on a card, for a person to solve
PAGE = 200  # conversations of a list on one page


@dataclass(frozen=True, slots=True)
class Span:
    """A period, from local midnight until the moment itself."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """Open work of one team; id 0: of no team. `ages` are counts in the order of AGES."""

    id: int
    ages: tuple[int, ...]
    oldest: datetime

    @property
    def open(self) -> int:
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Work:
    """What one person has; id 0: nobody. `open` is what they still have to do, without what waits for a resident."""

    id: int
    open: int = 0
    late: int = 0
    soon: int = 0
    waiting: int = 0
    closed: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Every conversation that began in a period is in one part. `total` is counted by itself."""

    total: int
    parts: dict[str, int]

    @property
    def unexplained(self) -> int:
        """Conversations without an outcome: 0 when the sum is right."""
        return self.total - sum(n for name, n in self.parts.items() if name != "unexplained")


@dataclass(frozen=True, slots=True)
class Ask:
    """One figure, for its list. `kind` is age, work, part, problem or ids; the others narrow it down."""

    kind: str
    team: int | None = None
    name: str = ""
    who: int = 0
    ids: tuple[int, ...] = ()
    span: Span | None = None


def span(name: str, at: datetime) -> Span:
    """Today, the last 7 or the last 30 days, by the days of the municipality; an odd name is today."""
    days = PERIODS.get(name, 1)
    return Span(name if name in PERIODS else "today", midnight(at, days - 1), at)


def midnight(at: datetime, days_ago: int = 0) -> datetime:
    """The beginning of a day where the municipality is, in UTC."""
    day: date = at.astimezone(ZONE).date() - timedelta(days=days_ago)
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def classes(scope: Scope) -> list[str]:
    """The conversations that somebody's figures are about: those they may see. Who may see none, an analyst, gets the
    figures of ordinary conversations; those behind a wall are not counted."""
    return sorted(scope.classes) or ["open"]


def age_of(row: Conversation, at: datetime) -> str:
    """Which of AGES a conversation has: since its oldest unanswered message, else since the last one."""
    since = row.waiting_since or row.last_at
    return next((name for name, edge in zip(AGES, _edges(at), strict=False) if since > edge), AGES[-1])


async def ages(connection: Connection, classes: Sequence[str], at: datetime) -> list[Team]:
    """Open work by team and age, most first."""
    rows = await connection.fetch(AGE_COUNTS, classes, *_edges(at))
    found: dict[int, list[int]] = {}
    oldest: dict[int, datetime] = {}
    for row in rows:
        found.setdefault(row["team"], [0] * len(AGES))[row["age"]] = row["n"]
        oldest[row["team"]] = min(row["oldest"], oldest.get(row["team"], row["oldest"]))
    teams = [Team(id, tuple(counts), oldest[id]) for id, counts in found.items()]
    return sorted(teams, key=lambda team: (-team.open, team.id))


async def work(connection: Connection, classes: Sequence[str], at: datetime) -> dict[int, Work]:
    """What everybody has, by account id; 0 is what nobody has."""
    rows = await connection.fetch(WORK_COUNTS, classes)
    found = {row["who"]: dict(row) for row in rows}
    for row in await connection.fetch(CLOSED_COUNTS, classes, midnight(at)):
        found.setdefault(row["who"], {"who": row["who"]})["closed"] = row["n"]
    return {who: Work(who, **{name: counts.get(name, 0) for name in WORK}) for who, counts in found.items()}


async def balance(connection: Connection, classes: Sequence[str], of: Span) -> Balance:
    """Where the conversations that began in a period are now."""
    # counted by itself: the parts must come to this
    total = await connection.fetchval("select count(*) from conversation c where c.visibility = any($1::text[])"
                                      " and c.created_at >= $2 and c.created_at <= $3", classes, of.since, of.until)
    parts = dict(await connection.fetch(PART_COUNTS, classes, of.since, of.until))
    return Balance(total, {name: parts.get(name, 0) for name in (*PARTS, *EXTRA_PARTS, "unexplained")})


async def problems(connection: Connection, classes: Sequence[str]) -> dict[str, int]:
    """Open conversations that need a person before anything else, by their problem."""
    rows = await connection.fetch(PROBLEM_COUNTS, classes)
    found = dict.fromkeys(PROBLEMS, 0)
    for row in rows:
        found[row["problem"] if row["problem"] in found else "unreadable"] += row["n"]
    return found


async def count(connection: Connection, classes: Sequence[str], ask: Ask, at: datetime) -> int:
    """How many conversations a figure has."""
    condition, arguments = _condition(ask, at)
    return await connection.fetchval(COUNTS[condition], classes, *arguments)


async def rows(connection: Connection, classes: Sequence[str], ask: Ask, at: datetime, skip: int = 0,
               limit: int = PAGE) -> list[Conversation]:
    """The conversations of a figure, oldest first."""
    condition, arguments = _condition(ask, at)
    found = await connection.fetch(ROWS[condition], classes, *arguments, skip, limit)
    return [Conversation(**row) for row in found]


async def ids_of(connection: Connection, references: Sequence[str]) -> tuple[int, ...]:
    """The conversations with these references; a reference of something else is left out."""
    # what the nightly check named
    rows = await connection.fetch("select id from conversation where reference = any($1::text[]) order by id",
                                  list(references))
    return tuple(row["id"] for row in rows)


def _edges(at: datetime) -> tuple[datetime, datetime, datetime, datetime]:
    """Since when something is younger than each age but the last: an hour, four hours, today, the two days before."""
    hour, four = at - timedelta(hours=1), at - timedelta(hours=4)
    return hour, four, min(four, midnight(at)), min(four, midnight(at, 2))


def _condition(ask: Ask, at: datetime) -> tuple[str, list[Any]]:
    """The name of a condition and its arguments, after the classes."""
    match ask.kind:
        case "age":
            return "age", [*_edges(at), AGES.index(ask.name) if ask.name in AGES else None, ask.team]
        case "work" if ask.name == "closed":
            return "closed", [midnight(at), ask.who]
        case "work":
            figure = ask.name if ask.name in WORK else "open"
            return ("work", [figure, ask.who]) if ask.who else ("nobody", [figure])
        case "part" if ask.span:
            return "part", [ask.span.since, ask.span.until, ask.name]
        case "problem":
            return "problem", [ask.name, [one for one in PROBLEMS if one != "unreadable"]]
    return "ids", [list(ask.ids)]


_LIVE = "c.state in ('new', 'open', 'department', 'waiting')"
_SEES = " from conversation c where c.visibility = any($1::text[]) and "
_SINCE = "coalesce(c.waiting_since, c.last_at)"
_AGE = ("case when " + _SINCE + " > $2 then 0 when " + _SINCE + " > $3 then 1 when " + _SINCE + " > $4 then 2 when "
        + _SINCE + " > $5 then 3 else 4 end")
# closed without a reason is what the nightly check looks for; what was brought in as history is not
_PART = ("case when " + _LIVE + " then 'open' when c.state = 'merged' then 'joined' when c.state = 'spam' then 'spam'"
         " when c.state <> 'closed' then 'unexplained' when c.close_reason_id is not null then"
         " (select outcome from close_reason where id = c.close_reason_id) when exists (select from message m join"
         " delivery d on d.id = m.delivery_id where m.conversation_id = c.id and d.meta ? 'history') then 'history'"
         " else 'unexplained' end")
_TODO = "c.state <> 'waiting'"
_FIGURE = ("case $2 when 'late' then c.lateness = 2 when 'soon' then c.lateness = 1 when 'waiting' then"
           " c.state = 'waiting' else " + _TODO + " end")
_CONDITIONS = {
    "age": _LIVE + " and ($6::int is null or " + _AGE + " = $6) and ($7::int is null or coalesce(c.team_id, 0) = $7)",
    "work": _LIVE + " and c.assignee_id = $3 and " + _FIGURE,
    "nobody": _LIVE + " and c.assignee_id is null and " + _FIGURE,
    "closed": "c.state = 'closed' and c.closed_at >= $2 and coalesce(c.assignee_id, 0) = $3",
    "part": "c.created_at >= $2 and c.created_at <= $3 and ($4 = 'all' or " + _PART + " = $4)",
    "problem": _LIVE + " and c.problem <> '' and (c.problem = $2 or $2 = 'unreadable' and c.problem <> all($3))",
    "ids": "c.id = any($2::bigint[])",
}
_USED = {"age": 7, "work": 3, "nobody": 2, "closed": 3, "part": 4, "problem": 3, "ids": 2}  # parameters of each
COUNTS = {name: "select count(*)" + _SEES + condition for name, condition in _CONDITIONS.items()}
ROWS = {name: "select " + ", ".join("c." + column for column in COLUMNS) + _SEES + condition
        + " order by " + _SINCE + ", c.id offset $" + str(_USED[name] + 1) + " limit $" + str(_USED[name] + 2)
        for name, condition in _CONDITIONS.items()}
AGE_COUNTS = ("select coalesce(c.team_id, 0) as team, " + _AGE + " as age, count(*)::int as n, min(" + _SINCE
              + ") as oldest" + _SEES + _LIVE + " group by 1, 2")
WORK_COUNTS = ("select coalesce(c.assignee_id, 0) as who, (count(*) filter (where " + _TODO + "))::int as open,"
               " (count(*) filter (where c.lateness = 2))::int as late,"
               " (count(*) filter (where c.lateness = 1))::int as soon,"
               " (count(*) filter (where c.state = 'waiting'))::int as waiting" + _SEES + _LIVE + " group by 1")
CLOSED_COUNTS = ("select coalesce(c.assignee_id, 0) as who, count(*)::int as n" + _SEES
                 + "c.state = 'closed' and c.closed_at >= $2 group by 1")
PART_COUNTS = ("select " + _PART + " as part, count(*)::int as n" + _SEES
               + "c.created_at >= $2 and c.created_at <= $3 group by 1")
PROBLEM_COUNTS = "select c.problem, count(*)::int as n" + _SEES + _LIVE + " and c.problem <> '' group by 1"
