"""The breach: a term that passed, with the cause; and the finished conversations that came back.

A breach is the event by which a conversation became late, whatever kind of event that was. Its cause is read from what
happened before that moment and is never stored: the first that holds, in the order of CAUSES.

- `channel_down`: the channel did not work at some moment between the message and the end of its term;
- `department`: at the end of the term an answer of a department was awaited;
- `outside_hours`: the message came outside the opening hours, and nobody took it before it was almost late;
- `not_taken`: at the end of the term nobody had it;
- `away`: whoever had it was away on that day;
- `taken_late`: somebody took it after it was almost late already;
- `answered_late`: somebody had it in time, and the answer came too late or is still to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from newsroom import absence, term
from newsroom.board import ZONE
from newsroom.database import Connection
from newsroom.hours import is_open
from newsroom.report import Span
from newsroom.term import Terms

CAUSES = ("channel_down", "department", "outside_hours", "not_taken", "away", "taken_late", "answered_late")
BACK = {"received": "wrote", "bounced": "bounced", "delivery_state": "bounced"}  # other events: by a colleague


@dataclass(frozen=True, slots=True)
class Breach:
    """The last time in the period that a conversation became late. `since` is when the message came, `taken` when
    somebody took it, `ended` when it was answered or closed; None: not yet."""

    conversation_id: int
    at: datetime
    cause: str
    since: datetime
    taken: datetime | None
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Reopening:
    """The last time in the period that a finished conversation came back. `why` is wrote, bounced or colleague."""

    conversation_id: int
    at: datetime
    why: str


async def breaches(connection: Connection, classes: Sequence[str], of: Span) -> list[Breach]:
    """What became late in a period, newest first; each conversation once, by its last time."""
    found = await connection.fetch(BREACHES, classes, of.since, of.until)
    if not found:
        return []
    terms = await term.load(connection, of.until.astimezone(ZONE).date())
    down = await _down(connection, [row["since"] for row in found])
    away = await absence.between(connection, _day(of.since), _day(of.until))
    return [Breach(row["conversation_id"], row["at"], _cause(row, terms, down, away), row["since"], row["taken"],
                   row["ended"]) for row in found]


async def reopened(connection: Connection, classes: Sequence[str], of: Span) -> list[Reopening]:
    """What came back in a period, newest first; each conversation once."""
    # few among all events, by an index of their own
    rows = await connection.fetch(REOPENED, classes, of.since, of.until)
    return [Reopening(row["conversation_id"], row["at"], BACK.get(row["kind"], "colleague")) for row in rows]


def _cause(row: Any, terms: Terms, down: Mapping[int, list[tuple[datetime, datetime]]],
           away: Sequence[tuple[int, date, date]]) -> str:
    after, at, since, taken = row["after"], row["at"], row["since"], row["taken"]
    in_time = taken is not None and taken <= (row["soon"] or at)
    if any(begin < at and since < end for begin, end in down.get(after["channel"], ())):
        return "channel_down"
    if after["state"] == "department":
        return "department"
    if not in_time and not is_open(since, terms.hours(after["channel"], after["team"])):
        return "outside_hours"
    if after["assignee"] is None:
        return "not_taken"
    if any(who == after["assignee"] and first <= _day(at) <= last for who, first, last in away):
        return "away"
    return "answered_late" if in_time else "taken_late"


async def _down(connection: Connection, since: Sequence[datetime]) -> dict[int, list[tuple[datetime, datetime]]]:
    """When each channel did not work: {channel id: [(from, until), ...]}."""
    # every change of health since the first message, and the one before it of each channel
    rows = await connection.fetch(HEALTH, min(since))
    found: dict[int, list[tuple[datetime, datetime]]] = {}
    began: dict[int, datetime] = {}
    for row in rows:
        id = row["channel"]
        if row["health"] == "down":
            began.setdefault(id, row["at"])
        elif id in began:
            found.setdefault(id, []).append((began.pop(id), row["at"]))
    for id, at in began.items():
        found.setdefault(id, []).append((at, datetime.max.replace(tzinfo=UTC)))
    return found


def _day(at: datetime) -> date:
    return at.astimezone(ZONE).date()


# the message: the first one in after the last answer before the term passed
BREACHES = """
select l.conversation_id, l.at, l.after, coalesce(s.since, l.at) as since,
  (select min(t.at) from event t where t.conversation_id = l.conversation_id and t.at >= coalesce(s.since, l.at)
    and t.kind in ('claimed', 'assigned', 'answered', 'moved') and t.after ->> 'assignee' is not null) as taken,
  (select max(a.at) from event a where a.conversation_id = l.conversation_id and a.id < l.id
    and a.at >= coalesce(s.since, l.at) and a.kind = 'almost_late') as soon,
  (select min(n.at) from event n where n.conversation_id = l.conversation_id and n.id > l.id
    and n.kind in ('answered', 'answered_elsewhere', 'closed')) as ended
from (
  select distinct on (e.conversation_id) e.conversation_id, e.id, e.at, e.after
  from event e join conversation c on c.id = e.conversation_id
  where e.after ->> 'lateness' = '2' and coalesce(e.before ->> 'lateness', '0') <> '2'
    and e.at >= $2 and e.at <= $3 and c.visibility = any($1::text[])
  order by e.conversation_id, e.id desc) l
left join lateral (
  select min(r.at) as since from event r where r.conversation_id = l.conversation_id and r.id <= l.id
    and r.kind in ('received', 'unreadable', 'not_spam') and r.id > coalesce(
      (select max(a.id) from event a where a.conversation_id = l.conversation_id and a.id < l.id
        and a.kind in ('answered', 'answered_elsewhere')), 0)) s on true
order by l.at desc, l.id desc"""
REOPENED = """
select * from (
  select distinct on (e.conversation_id) e.conversation_id, e.id, e.at, e.kind
  from event e join conversation c on c.id = e.conversation_id
  where e.before ->> 'state' = 'closed' and e.after ->> 'state' in ('new', 'open', 'department', 'waiting')
    and e.at >= $2 and e.at <= $3 and c.visibility = any($1::text[])
  order by e.conversation_id, e.id desc) l
order by l.at desc, l.id desc"""
HEALTH = """
select at, (data ->> 'channel')::int as channel, data ->> 'to' as health from event
where kind = 'channel_changed' and data ->> 'change' = 'health' and at >= $1
union all
select * from (
  select distinct on (data ->> 'channel') at, (data ->> 'channel')::int, data ->> 'to' from event
  where kind = 'channel_changed' and data ->> 'change' = 'health' and at < $1
  order by data ->> 'channel', at desc, id desc) before
order by at"""
