"""Canned answers: texts that are written once, filled in for a conversation, and used often."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.option import CONTROL, UNSTORABLE

LONGEST_NAME, LONGEST_BODY = 60, 10_000  # characters
VARIABLES = ("naam", "voornaam", "kenmerk", "medewerker", "kanaal", "gemeente")  # as {naam} in a text
BRACES = re.compile(r"\{([^{}\n]*)\}")


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """One answer with its newest text. `team_id` None: offered to everybody; `owner_id` keeps it right;
    `expires_on` is the last day that it is offered; `used` counts the answers sent with it."""

    id: int
    name: str
    body: str = ""
    team_id: int | None = None
    owner_id: int | None = None
    expires_on: date | None = None
    version: int = 0
    used: int = 0
    archived_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A text as it was: since when, and by whom (None: nobody any more)."""

    version: int
    body: str
    at: datetime
    by: str | None


async def every(connection: Connection) -> list[CannedAnswer]:
    """All of them, those in use first, by name."""
    # the list in Beheer
    rows = await connection.fetch(
        "select a.id, a.name, t.body, a.team_id, a.owner_id, a.expires_on, a.version, a.used, a.archived_at"
        " from canned_answer a join canned_text t on t.canned_id = a.id and t.version = a.version"
        " order by a.archived_at is not null, lower(a.name), a.id")
    return [CannedAnswer(**row) for row in rows]


async def offered(connection: Connection, teams: Sequence[int], today: date) -> list[CannedAnswer]:
    """What can be used today by somebody in these teams."""
    return [one for one in await every(connection)
            if one.archived_at is None and (one.expires_on is None or one.expires_on >= today)
            and (one.team_id is None or one.team_id in teams)]


async def versions(connection: Connection, id: int) -> list[Version]:
    """Every text that it had, the newest first."""
    # with who wrote it
    rows = await connection.fetch("select t.version, t.body, t.at, a.name as by from canned_text t left join account a"
                                  " on a.id = t.account_id where t.canned_id = $1 order by t.version desc", id)
    return [Version(**row) for row in rows]


async def save(connection: Connection, wanted: CannedAnswer, by: By) -> int:
    """Keep an answer, a new one when its id is 0; another text is another version. Returns its id. Raises `Wrong`."""
    name, body = wanted.name.strip(), wanted.body.replace("\r\n", "\n").strip()
    await _check(connection, wanted.id, name, body)
    old = next((one for one in await every(connection) if one.id == wanted.id), None)
    version = old.version + (old.body != body) if old else 1
    values = (name, wanted.team_id, wanted.owner_id, wanted.expires_on, version)
    if old is None:
        # another answer
        id = await connection.fetchval("insert into canned_answer (name, team_id, owner_id, expires_on, version)"
                                       " values ($1, $2, $3, $4, $5) returning id", *values)
    else:
        id = old.id
        # what is said of it
        await connection.execute("update canned_answer set name = $1, team_id = $2, owner_id = $3, expires_on = $4,"
                                 " version = $5 where id = $6", *values, id)
    # earlier texts stay
    await connection.execute("insert into canned_text (canned_id, version, body, at, account_id)"
                             " values ($1, $2, $3, $4, $5) on conflict do nothing",
                             id, version, body, by.at, by.account_id)
    await change.note(connection, by, "canned", id, name, _said(old) if old else {},
                      {"name": name, "version": version, "team": wanted.team_id, "owner": wanted.owner_id,
                       "until": wanted.expires_on and wanted.expires_on.isoformat()})
    return id


async def set_archived(connection: Connection, id: int, archived: bool, by: By) -> None:
    """No longer offered, or offered again."""
    # only its standing
    name = await connection.fetchval("update canned_answer set archived_at = $2 where id = $1"
                                     " and (archived_at is null) = $3 returning name",
                                     id, by.at if archived else None, archived)
    if name is not None:
        await change.note(connection, by, "canned", id, name, {"archived": not archived}, {"archived": archived})


async def count(connection: Connection, ids: Sequence[int]) -> None:
    """An answer was sent with these in it."""
    if ids:
        await connection.execute("update canned_answer set used = used + 1 where id = any($1::int[])", list(ids))


def filled(body: str, values: Mapping[str, str]) -> str:
    """The text for one conversation: {naam} and the like replaced."""
    return BRACES.sub(lambda place: values.get(place[1].strip().lower(), place[0]), body)


async def _check(connection: Connection, id: int, name: str, body: str) -> None:
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.reason_name")
    # one name, one answer
    if await connection.fetchval("select exists(select from canned_answer where lower(name) = lower($1) and id <> $2)",
                                 name, id):
        raise Wrong("name", "wrong.name_taken")
    if not body or len(body) > LONGEST_BODY or UNSTORABLE.search(body):
        raise Wrong("body", "wrong.canned_body")
    if any(found.strip().lower() not in VARIABLES for found in BRACES.findall(body)):
        raise Wrong("body", "wrong.canned_variable")


def _said(one: CannedAnswer) -> dict[str, object]:
    return {"name": one.name, "version": one.version, "team": one.team_id, "owner": one.owner_id,
            "until": one.expires_on and one.expires_on.isoformat()}
