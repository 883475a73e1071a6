"""Search over all text one may see, newest first. The index is filled after the commit, so the road pays nothing."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from newsroom.access import Scope
from newsroom.database import Connection, Database
from newsroom.sought import Sought

DEPTHS = (400, 5000, 50_000)  # newest matches looked at; more only when the scope or an operator hides many of them
HITS = 50  # on a page
MOST = 200  # found in one search
PEOPLE = 2000  # whose name or address holds a `van:`
ALIKE_LETTERS = 4  # a name needs at least so many to be looked for with a mistake in it
ALIKE = "0.45"  # how much of a name must be as it was typed, 0 to 1, when nothing is found otherwise
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
    title: str  # as its card has it
    author: str
    state: str
    channel_id: int
    at: datetime
    extract: str
    message_id: int | None  # None: not found by its words
    team_id: int | None
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Found:
    """`hits` newest first. `whole`: nothing older can have been missed. `alike`: names that resemble what was typed,
    when nothing was called so."""

    hits: list[Hit]
    whole: bool = True
    alike: tuple[str, ...] = ()


async def find(connection: Connection, scope: Scope, sought: Sought, limit: int = HITS) -> Found:
    """The newest messages with all these words (Dutch stems, accents folded), one hit per conversation, and
    conversations by part of the sender's name or by reference; of both only what the operators let through. Operators
    alone: the newest conversations. At most `limit`."""
    words = sought.words.replace("\x00", "").strip()[:LONGEST]
    if sought.unread or not words and not sought.narrowed:
        return Found([])
    # a plan for these very words: a general one walks a million rows
    await connection.execute("set local plan_cache_mode = force_custom_plan")
    people, alike = await _people(connection, sought.senders)
    narrow = [sorted(scope.classes), *(list(ids) or None for ids in (
        sought.channels, sought.teams, sought.labels, sought.states)), people, sought.since, sought.until]
    if not words:
        rows = await connection.fetch(BY_OPERATOR, *narrow, limit)
        return Found([_hit(row) for row in rows], len(rows) < limit, alike)
    found, whole = await _by_text(connection, words, narrow, limit)
    by_name = await connection.fetch(BY_NAME, *narrow, f"%{_escaped(words)}%", words.upper(), limit) \
        if len(words) >= 3 else []
    if not found and not by_name and not alike:
        alike = await _alike(connection, words)
        by_name = await connection.fetch(BY_PERSON, *narrow, [id for id, _ in alike], limit)
        alike = _names(alike)
    for row in by_name:
        found.setdefault(row["reference"], _hit(row))
    hits = sorted(found.values(), key=lambda hit: hit.at, reverse=True)
    return Found(hits[:limit], whole and len(hits) < limit, alike if hits else ())


async def _by_text(connection: Connection, words: str, narrow: list[Any], limit: int) -> tuple[dict[str, Hit], bool]:
    """By reference, and whether every match was looked at."""
    for depth in DEPTHS:
        # the newest matches (see schema/008_wall.sql), also those that nobody here may see
        ids = [row[0] for row in await connection.fetch("select messages_with($1, $2)", words, depth)]
        rows = await connection.fetch(BY_TEXT, *narrow, ids) if ids else []
        if len(rows) >= limit or len(ids) < depth:
            break
    return {row["reference"]: _hit(row) for row in rows}, len(ids) < depth


async def _people(connection: Connection, senders: Sequence[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    """The contacts of which a name or address holds one of these; or else who is called alike, and how. None: all."""
    if not senders:
        return None, ()
    # whose name or address
    rows = await connection.fetch("select distinct contact_id from contact_identity"
                                  " where name ilike any($1::text[]) or address ilike any($1) limit $2",
                                  [f"%{_escaped(one)}%" for one in senders], PEOPLE)
    if rows:
        return [row["contact_id"] for row in rows], ()
    alike = [one for sender in senders for one in await _alike(connection, sender)]
    return [id for id, _ in alike], _names(alike)


async def _alike(connection: Connection, name: str) -> list[tuple[int, str]]:
    """Contacts with nearly this name, the nearest first: (id, name). A few letters resemble everybody."""
    if sum(letter.isalpha() for letter in name) < ALIKE_LETTERS:
        return []
    await connection.execute("select set_config('pg_trgm.word_similarity_threshold', $1, true)", ALIKE)
    # a letter more, less or otherwise
    return [tuple(row) for row in await connection.fetch(
        "select contact_id, name from contact_identity where $1 <% name order by word_similarity($1, name) desc,"
        " contact_id desc limit 50", name)]


def _names(alike: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, name in alike))[:3]


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def facets(hits: Sequence[Hit]) -> dict[str, dict[Any, int]]:
    """How many of these are in each channel, team and state, and have each label, most first."""
    counts: dict[str, Counter] = {"channel": Counter(hit.channel_id for hit in hits),
                                  "team": Counter(hit.team_id for hit in hits if hit.team_id),
                                  "state": Counter(hit.state for hit in hits),
                                  "label": Counter(label for hit in hits for label in hit.labels)}
    return {name: dict(count.most_common()) for name, count in counts.items()}


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
    return Hit(row["reference"], row["subject"] or row["card"], row["author"], row["state"], row["channel_id"],
               row["at"], row["extract"], row["message_id"], row["team_id"], row["labels"])


# of whom an operator says something, $2 to $6
_NARROW = (" c.visibility = any($1::text[]) and c.state not in ('merged', 'removed')"
           " and ($2::int[] is null or c.channel_id = any($2)) and ($3::int[] is null or c.team_id = any($3))"
           " and ($4::int[] is null or c.labels && $4) and ($5::text[] is null or c.state = any($5))"
           " and ($6::bigint[] is null or c.contact_id = any($6))")
# when it was said, and when there was a conversation
_SAID = " and m.at >= coalesce($7::timestamptz, '-infinity') and m.at < coalesce($8::timestamptz, 'infinity')"
_ALIVE = (" and c.last_at >= coalesce($7::timestamptz, '-infinity')"
          " and c.created_at < coalesce($8::timestamptz, 'infinity')")
_HIT = "select c.reference, c.subject, c.excerpt as card, c.author, c.state, c.channel_id, c.team_id, c.labels, "
_LAST = _HIT + "c.last_at as at, c.excerpt as extract, null::bigint as message_id from conversation c where"
# of these messages the last of each conversation
BY_TEXT = ("select distinct on (c.id)" + _HIT.removeprefix("select") + "m.at, left(m.body, 300) as extract,"
           " m.id as message_id from unnest($9::bigint[]) as t (message_id) join message m on m.id = t.message_id"
           " join conversation c on c.id = m.conversation_id where" + _NARROW + _SAID + " order by c.id, m.at desc")
# people by part of a name or address, and one conversation by its reference: apart, so that each has its index
BY_NAME = (_LAST + _NARROW + _ALIVE + " and c.id = any(array(select id from conversation where reference = $10"
           " union all (select c.id from conversation c where" + _NARROW + _ALIVE + " and c.contact_id = any(array("
           "  select contact_id from contact_identity where name ilike $9 or address ilike $9"
           "  order by contact_id desc limit 200)) order by c.last_at desc limit $11)))"
           " order by c.last_at desc limit $11")
BY_PERSON = _LAST + _NARROW + _ALIVE + " and c.contact_id = any($9::bigint[]) order by c.last_at desc limit $10"
BY_OPERATOR = _LAST + _NARROW + _ALIVE + " order by c.last_at desc limit $9"
# what stands around the words in the few messages of one page; of a form also its values, but no address or number that
# the conversation itself shows masked
AROUND = """
select id, ts_headline('newsroom', translate(left(concat_ws(' · ', nullif(case when body = '' and details = '[]'
    then subject else body end, ''), (select string_agg(d->>1, ' · ') from jsonb_array_elements(details) d
      where d->>1 !~ '@|^[-+0-9 ()]{8,}$')), $3),
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
