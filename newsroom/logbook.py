"""The log as an administrator reads it: who changed what, who signed in, and which channel stopped working."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsroom.database import Connection

PAGE = 100
# what one can look for, with the kinds of lines
SUBJECTS = {
    "settings": ("setting_changed",),
    "people": ("account_made", "account_changed", "link_made", "link_used"),
    "sign_in": ("signed_in", "sign_in_failed", "signed_out", "session_ended", "password_set", "reset_asked"),
    "seen": ("refused", "address_shown", "exported"),
    "health": ("health", "nothing_disappears"),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show. `since` and `until` are moments; `before` is the place (at, source, id) to go on from."""

    subject: str = ""
    account_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `source` 0 is the audit table, 1 the events; with `at` and `id` it is the line's place. `account`
    and `about` are names: of who did it, and of the person or channel it is about."""

    at: datetime
    source: int
    id: int
    kind: str
    account: str | None
    about: str | None
    address: str
    data: dict[str, Any]


async def read(connection: Connection, wanted: Filter) -> list[Line]:
    """The newest lines that pass, at most 100: configuration and sign-ins from the audit table, the health of
    channels from the events."""
    before = wanted.before or (None, 0, 0)
    kinds: Sequence[str] | None = SUBJECTS.get(wanted.subject)
    # both tables are walked from their newest line by their index on the time
    rows = await connection.fetch(LINES, list(kinds) if kinds else None, wanted.account_id, wanted.since, wanted.until,
                                  *before, PAGE)
    return [Line(**row) for row in rows]


LINES = """
select l.at, l.source, l.id, l.kind, a.name as account, coalesce(p.name, c.name) as about, l.address, l.data from (
  (select at, 0 as source, id, kind, account_id, address, data from audit
    where ($1::text[] is null or kind = any($1)) and ($2::int is null or account_id = $2)
      and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
      and ($5::timestamptz is null or (at, 0, id) < ($5, $6, $7)) order by at desc, id desc limit $8)
  union all
  (select at, 1, id, 'health', null, '', data from event
    where kind = 'channel_changed' and data ->> 'change' = 'health' and $2::int is null
      and ($1::text[] is null or 'health' = any($1))
      and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
      and ($5::timestamptz is null or (at, 1, id) < ($5, $6, $7)) order by at desc, id desc limit $8)
) l left join account a on a.id = l.account_id
  left join account p on p.id = (l.data ->> 'whose')::int
  left join channel c on c.id = (l.data ->> 'channel')::int
order by l.at desc, l.source desc, l.id desc limit $8"""
