"""Search over all text one may see, newest first. The index is filled after the commit, so the road pays nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from newsroom.access import Scope
from newsroom.database import Connection, Database

DEPTHS = (200, 5000)  # newest matches looked at; the second only when the scope hides many of the first
HITS = 50  # on a page; more are told as "50+"
LONGEST = 200  # characters of what is searched for
EXTRACT_CHARACTERS = 5000  # of a message, from which the words around a hit are shown
MARKS = re.compile("\x02([^\x03]*)\x03")  # around a hit; what a message itself has of them is taken out
INDEX_BATCH = 500  # messages in one commit
INDEX_CHARACTERS = 100_000  # of a text: the rest is in the original
IDLE_SECONDS = 1.0  # how late a new message may be found

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hit:
    """One conversation found, by its newest matching message."""

    reference: str
    subject: str
    author: str
    state: str
    channel_id: int
    at: datetime
    extract: str
    message_id: int | None  # None: found by its sender or reference


async def find(connection: Connection, scope: Scope, words: str, limit: int = HITS) -> list[Hit]:
    """The newest messages with all these words (Dutch stems, accents folded), one hit per conversation; and
    conversations by reference or part of the sender's name. At most `limit`."""
    words = words.replace("\x00", "").strip()[:LONGEST]
    if not words:
        return []
    # a plan for these very words: a general one walks a million rows
    await connection.execute("set local plan_cache_mode = force_custom_plan")
    for depth in DEPTHS:
        rows = await connection.fetch(BY_TEXT, words, sorted(scope.classes), depth)
        if len(rows) >= limit or not rows:
            break
    found = {row["reference"]: _hit(row) for row in rows}
    if len(words) >= 3:
        escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        for row in await connection.fetch(BY_NAME, f"%{escaped}%", sorted(scope.classes), words.upper(), limit):
            found.setdefault(row["reference"], _hit(row))
    return sorted(found.values(), key=lambda hit: hit.at, reverse=True)[:limit]


async def extracts(connection: Connection, hits: Sequence[Hit], words: str) -> dict[str, list[tuple[str, bool]]]:
    """By reference, what was said around the words: pieces of text, each with whether it is a hit."""
    rows = await connection.fetch(AROUND, [hit.message_id for hit in hits if hit.message_id], words,
                                  EXTRACT_CHARACTERS)
    around = {row["id"]: row["around"] for row in rows}
    return {hit.reference: [(piece, at % 2 == 1) for at, piece in
                            enumerate(MARKS.split(around.get(hit.message_id, hit.extract))) if piece] for hit in hits}


async def index(connection: Connection, limit: int = INDEX_BATCH) -> int:
    """Index messages that are not yet; returns how many."""
    return await connection.fetchval(INDEX, limit, INDEX_CHARACTERS)


async def index_again(connection: Connection, message_id: int) -> None:
    """Index a message whose words changed."""
    await connection.execute(AGAIN, message_id, INDEX_CHARACTERS)


async def keep_indexed(database: Database) -> None:
    """Index what comes in, until cancelled."""
    while True:
        n = 0
        try:
            async with database.transaction() as connection:
                n = await index(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.error("index waits for the database", error=type(error).__name__)
        if n < INDEX_BATCH:
            await asyncio.sleep(IDLE_SECONDS)


def _hit(row: Any) -> Hit:
    return Hit(row["reference"], row["subject"], row["author"], row["state"], row["channel_id"], row["at"],
               row["extract"], row["message_id"])


# the newest matching messages first (see schema/008_wall.sql), then what of them this person may see
BY_TEXT = """
select distinct on (c.id) c.reference, c.subject, c.author, c.state, c.channel_id, m.at, left(m.body, 300) as extract,
  m.id as message_id
from messages_with($1, $3) as t (message_id)
join message m on m.id = t.message_id join conversation c on c.id = m.conversation_id
where c.visibility = any($2::text[]) and c.state not in ('merged', 'removed') order by c.id, m.at desc"""
# people by part of a name or address, and one conversation by its reference: apart, so that each has its index
BY_NAME = """
select c.reference, c.subject, c.author, c.state, c.channel_id, c.last_at as at, c.excerpt as extract,
  null::bigint as message_id
from conversation c where c.id = any(array(
    select id from conversation where reference = $3
    union all (select id from conversation where contact_id = any(array(
        select contact_id from contact_identity where name ilike $1 or address ilike $1
        order by contact_id desc limit 200))
      and visibility = any($2::text[]) and state not in ('merged', 'removed') order by last_at desc limit $4)))
  and c.visibility = any($2::text[]) and c.state not in ('merged', 'removed')
order by c.last_at desc limit $4"""
# what stands around the words in the few messages of one page
AROUND = """
select id, ts_headline('newsroom', translate(left(case when body = '' then subject else body end, $3),
  e'\\n\\x02\\x03', ' '), websearch_to_tsquery('newsroom', $2),
  e'StartSel=\\x02, StopSel=\\x03, MaxWords=34, MinWords=20, ShortWord=2') as around
from message where id = any($1::bigint[])"""
# the words of a message and of the values of a form, those of its subject before the others
WORDS = """select id, setweight(to_tsvector('newsroom', left(subject, 1000)), 'A')
  || to_tsvector('newsroom', left(case when details = '[]' then body else body || ' ' ||
    (select string_agg(d->>1, ' ') from jsonb_array_elements(details) d) end, $2))"""
# messages after the last one indexed, and those among the 10,000 before it that a slower transaction left behind; the
# limits tell the planner how few they are, else it reads both tables whole
INDEX = """
with last as (select coalesce(max(message_id), 0) - 10000 as id from message_text),
fresh as (
  select m.id, m.subject, m.body, m.details
  from (select id, subject, body, details, removed_at from message where id > (select id from last)
    order by id limit 10000 + $1) m
  left join (select message_id from message_text where message_id > (select id from last)
    order by message_id limit 10000) t on t.message_id = m.id
  where t.message_id is null and m.removed_at is null order by m.id limit $1),
made as (insert into message_text (message_id, words) """ + WORDS + """ from fresh on conflict do nothing returning 1)
select count(*) from made"""
# a message that got other words
AGAIN = "insert into message_text (message_id, words) " + WORDS + """ from message where id = $1
on conflict (message_id) do update set words = excluded.words"""
