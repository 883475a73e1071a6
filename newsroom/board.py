"""The board as data: cards in columns, true counts, and the position both belong to, from one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from newsroom import event
from newsroom.access import Scope
from newsroom.conversation import COLUMNS as CONVERSATION_COLUMNS
from newsroom.conversation import Conversation
from newsroom.database import Connection

STATES = ("new", "open", "department", "waiting", "closed")  # the columns, left to right
PAGE = 100  # cards of a column on the first page
ZONE = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the address bar asks for. Empty: everything. `assignee` 0 stands for nobody, `team` 0 for no team."""

    channels: tuple[int, ...] = ()
    teams: tuple[int, ...] = ()
    assignees: tuple[int, ...] = ()
    labels: tuple[int, ...] = ()
    priorities: tuple[int, ...] = ()
    lateness: tuple[int, ...] = ()

    def matches(self, f: Mapping[str, Any]) -> bool:
        """Whether facets pass. static/js/filter.js has the same rule; one table of cases tests both."""
        return ((not self.channels or f["channel"] in self.channels)
                and (not self.teams or (f["team"] or 0) in self.teams)
                and (not self.assignees or (f["assignee"] or 0) in self.assignees)
                and (not self.labels or not set(self.labels).isdisjoint(f["labels"]))
                and (not self.priorities or f["priority"] in self.priorities)
                and (not self.lateness or f["lateness"] in self.lateness))


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called: channels {id: (kind, name)}, teams, accounts {id: (name, initials)}, labels
    {id: (name, topic)}, reasons {id: (nl, en, outcome)}."""

    channels: dict[int, tuple[str, str]]
    teams: dict[int, str]
    accounts: dict[int, tuple[str, str]]
    labels: dict[int, tuple[str, bool]]
    reasons: dict[int, tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Board:
    """`cards` by column; `counts` by column for this filter; `tiles` {late, soon, open}; `position` as the live
    socket takes it."""

    epoch: str
    position: int
    cards: dict[str, list[Conversation]]
    counts: dict[str, int]
    tiles: dict[str, int]
    oldest: Conversation | None


async def read(connection: Connection, scope: Scope, wanted: Filter, at: datetime, limit: int = PAGE) -> Board:
    """The board for a scope and a filter. `connection` is a snapshot."""
    epoch, position = await event.position(connection)
    arguments = _arguments(scope, wanted)
    today = datetime.combine(at.astimezone(ZONE).date(), time(), ZONE)
    # the first cards of each live column, one index walk per column
    rows = await connection.fetch(CARDS[_narrow(wanted)], *arguments, limit)
    cards: dict[str, list[Conversation]] = {state: [] for state in STATES}
    for row in rows:
        cards[row["state"]].append(Conversation(**row))
    # what was closed today, newest first
    closed = await connection.fetch(CLOSED, *arguments, today, limit)
    cards["closed"] = [Conversation(**row) for row in closed]
    counts = await count(connection, scope, wanted)
    counts["closed"] = await connection.fetchval(CLOSED_COUNT, *arguments, today)
    oldest = min((row for state in STATES[:4] for row in cards[state] if row.waiting_since),
                 key=lambda row: row.waiting_since, default=None)
    return Board(epoch, position, cards, counts, await tiles(connection, scope), oldest)


async def more(connection: Connection, scope: Scope, wanted: Filter, state: str, after: Conversation,
               limit: int = PAGE) -> list[Conversation]:
    """The cards of a live column after `after`."""
    # the next piece of one column
    rows = await connection.fetch(MORE, *_arguments(scope, wanted), state, after.waiting_since, after.id, limit)
    return [Conversation(**row) for row in rows]


async def of_team(connection: Connection, scope: Scope, wanted: Filter, team: int, after: Conversation | None,
                  limit: int = PAGE) -> list[Conversation]:
    """The open cards of one team, or of none with 0, the longest waiting first; those after `after`."""
    # the first of each state, and of those the first
    rows = await connection.fetch(OF_TEAM if team else OF_NO_TEAM, *_arguments(scope, wanted), team or None,
                                  after and after.id, after and after.waiting_since, limit)
    return [Conversation(**row) for row in rows]


async def untaken(connection: Connection, scope: Scope, limit: int) -> list[Conversation]:
    """What is new and nobody has, the longest waiting first."""
    # the beginning of the first column
    rows = await connection.fetch("select " + _ROW + " from conversation c where c.visibility = any($1::text[])"
                                  " and c.state = 'new' and c.assignee_id is null"
                                  " order by c.waiting_since nulls last, c.id limit $2", sorted(scope.classes), limit)
    return [Conversation(**row) for row in rows]


async def count_teams(connection: Connection, scope: Scope, wanted: Filter) -> dict[int, dict[str, int]]:
    """Open conversations by team: `n`, `late` and `soon`; 0 is no team."""
    # as `count`
    query = TEAM_TALLY if is_kept(wanted) else TEAM_COUNTS[_narrow(wanted)]
    return {row["team"]: dict(row) for row in await connection.fetch(query, *_arguments(scope, wanted))}


async def spam(connection: Connection, scope: Scope, limit: int) -> list[Conversation]:
    """The spam folder, newest first."""
    # what was put aside
    rows = await connection.fetch("select " + _ROW + " from conversation c where c.visibility = any($1::text[])"
                                  " and c.state = 'spam' order by c.last_at desc, c.id limit $2",
                                  sorted(scope.classes), limit)
    return [Conversation(**row) for row in rows]


async def count(connection: Connection, scope: Scope, wanted: Filter) -> dict[str, int]:
    """Conversations by live column for the filter, exact at the snapshot's position."""
    # kept by the event's own transaction, see schema/004_tally.sql; by person or label counted
    query = TALLY if is_kept(wanted) else COUNTS[_narrow(wanted)]
    rows = await connection.fetch(query, *_arguments(scope, wanted))
    return dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}


async def todo(connection: Connection, scope: Scope) -> dict[str, int]:
    """What the menu counts: on the board what nobody took, in my work what waits for this person."""
    own = Filter(assignees=(scope.account_id,))
    return {"board": (await count(connection, scope, Filter()))["new"],
            "mine": (await count(connection, scope, own))["open"]}


def is_kept(wanted: Filter) -> bool:
    """Whether the tally knows the counts of this filter."""
    return wanted.assignees in ((), (0,)) and not wanted.labels


async def tiles(connection: Connection, scope: Scope) -> dict[str, int]:
    """What the tiles count: everything open in the scope, late, soon, open and unassigned."""
    # kept by the event's own transaction; see schema/004_tally.sql
    row = await connection.fetchrow(
        "select coalesce(sum(n) filter (where lateness = 2), 0)::int as late,"
        " coalesce(sum(n) filter (where lateness = 1), 0)::int as soon, coalesce(sum(n), 0)::int as open,"
        " coalesce(sum(n) filter (where state = 'new'), 0)::int as unassigned from tally"
        " where visibility = any($1::text[])", sorted(scope.classes))
    return dict(row)


async def busy(connection: Connection, scope: Scope, people: Sequence[int]) -> set[int]:
    """Who of these people has something in hand, as far as the scope shows."""
    # one look into the index for each
    rows = await connection.fetch(
        "select p.id from unnest($2::int[]) as p(id) where exists (select from conversation c"
        " where c.assignee_id = p.id and c.visibility = any($1::text[]) and c.state = 'open')",
        sorted(scope.classes), list(people))
    return {row["id"] for row in rows}


async def recount(connection: Connection) -> list[str]:
    """Facets whose tally is not what the conversations say: empty when the house is in order."""
    # compare the kept counts with the truth
    rows = await connection.fetch(
        "select visibility, state, lateness, channel_id, team_id, priority, assigned"
        " from (select visibility, state, lateness, channel_id, coalesce(team_id, 0) as team_id, priority,"
        "   assignee_id is not null as assigned, count(*)::int as n from conversation"
        "   where state in ('new', 'open', 'department', 'waiting') group by 1, 2, 3, 4, 5, 6, 7) as truth"
        " full join tally using (visibility, state, lateness, channel_id, team_id, priority, assigned)"
        " where truth.n is distinct from tally.n order by 1, 2, 3, 4, 5, 6, 7")
    return [repr(dict(row)) for row in rows]


async def names(connection: Connection) -> Names:
    """Every name a card needs. Small tables."""
    return Names(
        {row["id"]: (row["kind"], row["name"]) for row in await connection.fetch(
            "select id, kind, name from channel order by name")},
        dict(await connection.fetch("select id, name from team order by name")),
        {row["id"]: (row["name"], row["initials"]) for row in await connection.fetch(
            "select id, name, initials from account order by name")},
        {row["id"]: (row["name"], row["topic"]) for row in await connection.fetch(
            "select id, name, topic from label order by name")},
        {row["id"]: (row["name_nl"], row["name_en"], row["outcome"]) for row in await connection.fetch(
            "select id, name_nl, name_en, outcome from close_reason where archived_at is null order by id")})


def day_start(at: datetime) -> date:
    """Today's date where the municipality is."""
    return at.astimezone(ZONE).date()


def _arguments(scope: Scope, wanted: Filter) -> Sequence[Any]:
    lists = (wanted.channels, wanted.teams, wanted.assignees, wanted.labels, wanted.priorities, wanted.lateness)
    return [sorted(scope.classes), *(list(ids) or None for ids in lists)]


def _narrow(wanted: Filter) -> str:
    """What there is an index for: one team, channel or person, or labels. As SQL of its own the planner sees it."""
    if len(wanted.assignees) == 1 and 0 not in wanted.assignees:
        return "assignee"
    if wanted.labels:
        return "labels"
    if len(wanted.teams) == 1 and 0 not in wanted.teams:
        return "team"
    return "channel" if len(wanted.channels) == 1 else ""


_ROW = ", ".join("c." + name for name in CONVERSATION_COLUMNS)
_WHERE = ("c.visibility = any($1::text[])"
          " and ($2::int[] is null or c.channel_id = any($2))"
          " and ($3::int[] is null or coalesce(c.team_id, 0) = any($3))"
          " and ($4::int[] is null or coalesce(c.assignee_id, 0) = any($4))"
          " and ($5::int[] is null or c.labels && $5) and ($6::int[] is null or c.priority = any($6))"
          " and ($7::int[] is null or c.lateness = any($7))")
_COLUMN = (" and c.state = s.state and c.state in ('new', 'open', 'department', 'waiting')"
           " order by c.waiting_since nulls last, c.id limit $8) c")
_EACH = ("select " + _ROW + " from unnest(array['new', 'open', 'department', 'waiting']) as s(state)"
         " cross join lateral (select * from conversation c where " + _WHERE)
_NARROW = {"": "", "team": " and c.team_id = ($3::int[])[1]", "channel": " and c.channel_id = ($2::int[])[1]",
           "assignee": " and c.assignee_id = ($4::int[])[1]", "labels": " and c.id = any(array(select labelled($5)))"}
CARDS = {name: _EACH + narrow + _COLUMN for name, narrow in _NARROW.items()}
COUNTS = {name: "select c.state, count(*)::int as n from conversation c where " + _WHERE + narrow
          + " and c.state in ('new', 'open', 'department', 'waiting') group by c.state"
          for name, narrow in _NARROW.items()}
TALLY = ("select state, sum(n)::int as n from tally where visibility = any($1::text[])"
         " and ($2::int[] is null or channel_id = any($2)) and ($3::int[] is null or team_id = any($3))"
         " and ($4::int[] is null or not assigned) and $5::int[] is null"
         " and ($6::int[] is null or priority = any($6)) and ($7::int[] is null or lateness = any($7)) group by state")
_TEAM_SUMS = ("::int as n, coalesce(sum({0}) filter (where lateness = 2), 0)::int as late,"
              " coalesce(sum({0}) filter (where lateness = 1), 0)::int as soon ")
TEAM_TALLY = TALLY.replace("state, sum(n)::int as n ", "coalesce(team_id, 0) as team, sum(n)"
                           + _TEAM_SUMS.format("n")).replace("group by state", "group by 1")
TEAM_COUNTS = {name: query.replace("c.state, count(*)::int as n ", "coalesce(c.team_id, 0) as team, count(*)"
                                   + _TEAM_SUMS.format("1")).replace("group by c.state", "group by 1")
               for name, query in COUNTS.items()}
_OF_TEAM = ("select " + _ROW + " from unnest(array['new', 'open', 'department', 'waiting']) as s(state)"
            " cross join lateral (select * from conversation c where " + _WHERE + " and c.team_id {}"
            " and ($9::bigint is null or c.waiting_since > $10"
            "  or c.waiting_since is not distinct from $10 and c.id > $9"
            "  or c.waiting_since is null and $10::timestamptz is not null)"
            " and c.state = s.state and c.state in ('new', 'open', 'department', 'waiting')"
            " order by c.waiting_since nulls last, c.id limit $11) c"
            " order by c.waiting_since nulls last, c.id limit $11")
OF_TEAM, OF_NO_TEAM = _OF_TEAM.format("= $8::int"), _OF_TEAM.format("is null and $8::int is null")
CLOSED = ("select " + _ROW + " from conversation c where " + _WHERE
          + " and c.state = 'closed' and c.closed_at >= $8 order by c.closed_at desc, c.id limit $9")
CLOSED_COUNT = "select count(*) from conversation c where " + _WHERE + " and c.state = 'closed' and c.closed_at >= $8"
MORE = ("select " + _ROW + " from conversation c where " + _WHERE
        + " and c.state = $8 and c.state in ('new', 'open', 'department', 'waiting')"
        " and (c.waiting_since > $9 or c.waiting_since is not distinct from $9 and c.id > $10"
        "  or c.waiting_since is null and $9::timestamptz is not null)"
        " order by c.waiting_since nulls last, c.id limit $11")
