"""The mention: a note names a colleague with @. They are told, may open the conversation, and it stands on their list
until they did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from newsroom import access, triage
from newsroom.access import Scope
from newsroom.conversation import Conversation, change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.triage import By, Wrong

MOST = 20  # people in one note
LISTED = 50  # on somebody's list


@dataclass(frozen=True, slots=True)
class Mention:
    """One conversation that names somebody, by the newest note that does."""

    reference: str
    title: str
    by: str
    at: datetime


def named(text: str, people: Mapping[int, str]) -> list[int]:
    """The ids of who is named, each as @ and their whole name; of two names that begin alike the longer."""
    known = sorted(people.items(), key=lambda one: -len(one[1]))
    pattern = "|".join(f"(?P<p{id}>{re.escape(name)})" for id, name in known if name)
    if not pattern:
        return []
    found = re.finditer(rf"(?<!\w)@(?:{pattern})(?!\w)", text, re.I)
    return list(dict.fromkeys(int(one.lastgroup[1:]) for one in found if one.lastgroup))


async def tell(connection: Connection, row: Conversation, by: By, scope: Scope, message_id: int, text: str) -> None:
    """Tell who is named in a note, once. Of a sealed conversation they become a reader, when the writer may say who
    reads it. Raises `Wrong` for somebody who may not see it, and for too many."""
    # who can read at all; their name is what they are called by
    people = dict(await connection.fetch("select id, name from account where disabled_at is null and roles && $1",
                                         sorted(access.PERMISSIONS["read"])))
    # who is told already: the same click twice
    told = {one["account_id"] for one in await connection.fetch("select account_id from mention where message_id = $1",
                                                                message_id)}
    new = [id for id in named(text, people) if id not in told and id != by.actor]
    if len(new) > MOST:
        raise Wrong("wrong.mention_many", most=MOST)
    row = await _let_in(connection, row, by, scope, {id: people[id] for id in new})
    for id in new:
        # on their list
        await connection.execute("insert into mention (account_id, message_id, conversation_id, at)"
                                 " values ($1, $2, $3, $4)", id, message_id, row.id, by.at)
        after = replace(row, version=row.version + 1)
        await change(connection, row, after, Draft("mentioned", by.at, actor_id=by.actor, key=by.key,
                                                   data={"to": id}))
        row = after


async def unread(connection: Connection, scope: Scope) -> list[Mention]:
    """What names this person, and they did not open since; the newest first, as far as they may see it."""
    # a conversation once
    rows = await connection.fetch(
        "select distinct on (c.id) c.reference, coalesce(nullif(c.subject, ''), c.excerpt) as title,"
        " coalesce(w.name, '') as by, m.at from mention m join conversation c on c.id = m.conversation_id"
        " join message n on n.id = m.message_id left join account w on w.id = n.account_id"
        " where m.account_id = $1 and m.read_at is null and c.visibility = any($2::text[])"
        " and c.state not in ('merged', 'removed') order by c.id, m.at desc limit $3",
        scope.account_id, sorted(scope.classes), LISTED)
    return sorted((Mention(**one) for one in rows), key=lambda one: one.at, reverse=True)


async def read(connection: Connection, account_id: int, conversation_id: int, at: datetime) -> None:
    """This person opened it."""
    await connection.execute("update mention set read_at = $3 where account_id = $1 and conversation_id = $2"
                             " and read_at is null", account_id, conversation_id, at)


async def _let_in(connection: Connection, row: Conversation, by: By, scope: Scope,
                  people: Mapping[int, str]) -> Conversation:
    outside = [id for id in people if not await _sees(connection, id, row)]
    if not outside:
        return row
    if not row.sealed or not scope.may("seal"):
        raise Wrong("wrong.mention_unseen", name=people[outside[0]])
    # who may see it now
    readers = [one["account_id"] for one in await connection.fetch(
        "select account_id from conversation_reader where conversation_id = $1", row.id)]
    return await triage.seal(connection, row, by, [*readers, *outside])


async def _sees(connection: Connection, account_id: int, row: Conversation) -> bool:
    found = await access.scope(connection, account_id)
    return found is not None and found.sees(row.visibility)

