"""The channels at a glance: of each its health, its queue, whether we hold all that its source holds, and its log.

Counts are of conversations that the person may see. What a source holds is told as a number only to who may see what
comes in by that channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from newsroom.access import Scope
from newsroom.database import Connection

LOG_LINES = 50
LOOKED_AT = 200  # messages that the log is made from: what one may not see falls out
Group = Literal["attention", "works", "not_open"]
GROUPS: tuple[Group, ...] = ("attention", "works", "not_open")


@dataclass(frozen=True, slots=True)
class Row:
    """One channel. `open`, `late` and `oldest` are of its open conversations, `queued` of its replies that wait, the
    first of them since `queued_since`. `source_n`, `missing` and `waiting` are of its source: what it holds, of those
    what we lack, and what we hold and did not read yet; None: it was never counted. `keyed`: credentials are kept."""

    id: int
    kind: str
    name: str
    address: str
    mode: str
    health: str
    health_cause: str
    health_since: datetime | None
    key_refused: bool
    key_ends_at: datetime | None
    keyed: bool
    slow_since: datetime | None
    last_in_at: datetime | None
    last_out_at: datetime | None
    team_id: int | None
    restricted: bool
    trouble: bool
    open: int
    late: int
    oldest: datetime | None
    oldest_soon: datetime | None
    oldest_due: datetime | None
    queued: int
    queued_since: datetime | None
    source_n: int | None
    missing: int | None
    fetched: int | None
    counted_at: datetime | None
    count_problem: str | None
    waiting: int

    def group(self, takes: bool) -> Group:
        """Where it stands; `takes`: whether it is open to the public."""
        if self.trouble:
            return "attention"
        return "works" if takes and self.mode != "paused" else "not_open"

    @property
    def sees_source(self) -> bool:
        return not self.restricted


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a channel's log. `what` is `in`, `out` or `change`; `word` what became of it or was changed, `to`
    its new value, `who` the colleague."""

    at: datetime
    what: str
    word: str
    to: str
    who: str
    n: int


async def read(connection: Connection, scope: Scope) -> list[Row]:
    """Every channel in use, those with trouble first."""
    # a small table, each value by an index or from the counts that the events keep
    rows = await connection.fetch(ROWS, sorted(scope.classes), sorted(scope.teams))
    return [Row(**row) for row in rows]


async def log(connection: Connection, scope: Scope, channel_id: int, limit: int = LOG_LINES) -> list[Line]:
    """The newest lines of a channel, without a word of what was written. Messages of one minute are one line."""
    # both halves are walked from their newest row by an index
    rows = await connection.fetch(LOG, channel_id, sorted(scope.classes), limit, LOOKED_AT)
    return [Line(**row) for row in rows]


def shares(rows: Sequence[Row]) -> dict[int, int | None]:
    """How many percent of the open conversations is late; None without open ones."""
    return {row.id: round(100 * row.late / row.open) if row.open else None for row in rows}


ROWS = """
select c.id, c.kind, c.name, c.address, c.mode, c.health, c.health_cause, c.health_since, c.key_refused, c.key_ends_at,
  c.secrets is not null as keyed, c.slow_since, greatest(c.last_in_at, i.at) as last_in_at, c.last_out_at, c.team_id,
  coalesce(g.restricted and not c.team_id = any($2::int[]), false) as restricted,
  exists (select from channel_trouble where id = c.id) as trouble,
  t.open, t.late, o.waiting_since as oldest, o.soon_at as oldest_soon, o.due_at as oldest_due,
  q.n as queued, q.since as queued_since, r.source_n, r.missing, r.fetched, r.at as counted_at,
  r.problem as count_problem,
  deliveries_waiting(c.id) as waiting
from channel c left join team g on g.id = c.team_id
left join reconciliation r on r.channel_id = c.id and not r.whole and r.at is not null
cross join lateral (select coalesce(sum(n), 0)::int as open,
    coalesce(sum(n) filter (where lateness = 2), 0)::int as late
  from tally where channel_id = c.id and visibility = any($1::text[])) t
left join lateral (select l.* from unnest(array['new', 'open', 'department', 'waiting']) as s(state)
  cross join lateral (select waiting_since, soon_at, due_at from conversation where channel_id = c.id
    and state = s.state and state in ('new', 'open', 'department', 'waiting') and waiting_since is not null
    and visibility = any($1::text[]) order by waiting_since, id limit 1) l
  order by l.waiting_since limit 1) o on true
cross join lateral (select count(*)::int as n, min(m.at) as since from message m
  join conversation v on v.id = m.conversation_id where m.send_state = 'queued' and m.channel_id = c.id
  and v.visibility = any($1::text[])) q
left join lateral (select max(m.at) as at from (select at, conversation_id from message where channel_id = c.id
    and direction = 'in' order by id desc limit 50) m
  join conversation v on v.id = m.conversation_id where v.visibility = any($1::text[])) i on true
where c.archived_at is null order by trouble desc, lower(c.name), c.id"""
LOG = """
select l.at, l.what, l.word, l.to, coalesce(a.name, '') as who, l.n from (
  (select max(at) as at, what, word, '' as to, null::int as actor_id, count(*)::int as n from (
    select case when m.direction = 'in' then m.at else coalesce(m.sent_at, m.at) end as at,
      case when m.direction = 'in' then 'in' else 'out' end as what,
      case when m.direction = 'in' then 'kept' else m.send_state end as word
    from (select * from message where channel_id = $1 order by id desc limit $4) m
    join conversation v on v.id = m.conversation_id and v.visibility = any($2::text[])
    where m.direction = 'in' or m.client_id is not null) one
    group by date_trunc('minute', at, 'UTC'), what, word order by 1 desc limit $3)
  union all
  (select at, 'change', data ->> 'change', coalesce(data ->> 'to', ''), actor_id, 1 from event
    where kind = 'channel_changed' and (data ->> 'channel')::int = $1 order by id desc limit $3)
) l left join account a on a.id = l.actor_id order by l.at desc limit $3"""
