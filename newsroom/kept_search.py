"""The searches of a colleague: the last ones, and those that they keep. Nobody else sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsroom.change import Wrong
from newsroom.database import Connection

RECENT = 10  # older ones are forgotten
MOST = 30  # that one person keeps


@dataclass(frozen=True, slots=True)
class Searches:
    """Words as they were typed: `recent` the last first, `kept` by name."""

    recent: Sequence[str]
    kept: Sequence[str]


async def of(connection: Connection, account_id: int) -> Searches:
    """Everything of one person."""
    # a handful of rows
    rows = await connection.fetch("select words, kept from kept_search where account_id = $1 order by at desc",
                                  account_id)
    return Searches([row["words"] for row in rows if not row["kept"]],
                    sorted((row["words"] for row in rows if row["kept"]), key=str.casefold))


async def remember(connection: Connection, account_id: int, words: str, at: datetime) -> None:
    """This was searched for just now."""
    await connection.execute("insert into kept_search (account_id, words, at) values ($1, $2, $3)"
                             " on conflict (account_id, words) do update set at = excluded.at", account_id, words, at)
    # the last few
    await connection.execute("delete from kept_search where account_id = $1 and not kept and words not in (select words"
                             " from kept_search where account_id = $1 and not kept order by at desc limit $2)",
                             account_id, RECENT)


async def keep(connection: Connection, account_id: int, words: str, at: datetime) -> None:
    """Until it is let go. Raises `Wrong` above the most."""
    # how many this person keeps
    if await connection.fetchval("select count(*) from kept_search where account_id = $1 and kept and words <> $2",
                                 account_id, words) >= MOST:
        raise Wrong("words", "wrong.many_searches", n=MOST)
    await connection.execute("insert into kept_search (account_id, words, at, kept) values ($1, $2, $3, true)"
                             " on conflict (account_id, words) do update set kept = true", account_id, words, at)


async def let_go(connection: Connection, account_id: int, words: str) -> None:
    """It is one of the last ones again."""
    await connection.execute("update kept_search set kept = false where account_id = $1 and words = $2",
                             account_id, words)


async def forget(connection: Connection, account_id: int) -> None:
    """Whatever was searched for and is not kept."""
    await connection.execute("delete from kept_search where account_id = $1 and not kept", account_id)
