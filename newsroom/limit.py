"""Rate limits: counted and judged in one statement, so that parallel requests cannot slip through together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from newsroom.database import Connection

KEEP = timedelta(days=2)  # longer than any window


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each window of `seconds`."""

    most: int
    seconds: int


async def take(connection: Connection, key: str, limits: Sequence[Limit], at: datetime) -> int:
    """Count one attempt under `key`. Returns 0 when it is allowed, else the seconds to wait.

    With several limits of growing length the wait grows with the number of attempts. It ends with the window: no
    number of attempts by a stranger blocks a key for longer. Outside a transaction, or the count is lost with it.
    """
    rows = await connection.fetch(
        # count, and read what the count became
        "insert into attempt (key, window_start, n)"
        " select w.key, w.start, 1 from unnest($1::text[], $2::timestamptz[]) as w (key, start) order by w.key"
        " on conflict (key, window_start) do update set n = attempt.n + 1 returning key, n",
        [_key(key, limit) for limit in limits], [_start(limit, at) for limit in limits])
    counts = {row["key"]: row["n"] for row in rows}
    waits = [limit.seconds - (at - _start(limit, at)).seconds
             for limit in limits if counts[_key(key, limit)] > limit.most]
    return max(waits, default=0)


async def give_back(connection: Connection, key: str, limits: Sequence[Limit], at: datetime) -> None:
    """Take back an attempt that need not count, such as a sign-in that succeeded."""
    await connection.execute(
        # one less in the windows of that moment
        "update attempt a set n = greatest(a.n - 1, 0) from unnest($1::text[], $2::timestamptz[]) as w (key, start)"
        " where a.key = w.key and a.window_start = w.start",
        [_key(key, limit) for limit in limits], [_start(limit, at) for limit in limits])


async def clean(connection: Connection, at: datetime) -> None:
    """Forget windows that are over."""
    # old counts mean nothing
    await connection.execute("delete from attempt where window_start < $1", at - KEEP)


def _key(key: str, limit: Limit) -> str:
    return f"{key}/{limit.seconds}"


def _start(limit: Limit, at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // limit.seconds * limit.seconds, UTC)
