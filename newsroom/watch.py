"""The watch over the channels: which need somebody, since when replies wait too long, and what a person does about it.

What is true of a channel changes with an event only, so that every open screen hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsroom import change, channel
from newsroom.change import By
from newsroom.database import Connection
from newsroom.event import Draft, record

SLOW = timedelta(minutes=3)  # a reply that waits for longer did not go out as it should


@dataclass(frozen=True, slots=True)
class Standing:
    """How many channels are in use, and how many of those need somebody."""

    all: int = 0
    trouble: int = 0

    @property
    def ok(self) -> int:
        return self.all - self.trouble


async def standing(connection: Connection) -> Standing:
    """The channels that are in use; one that is paused is not."""
    # a small table
    row = await connection.fetchrow("select count(*)::int as all, count(t.id)::int as trouble from channel c"
                                    " left join channel_trouble t on t.id = c.id"
                                    " where c.archived_at is null and c.mode <> 'paused'")
    return Standing(row["all"], row["trouble"])


async def tick(connection: Connection, at: datetime) -> int:
    """Note which channels send slowly from now on, and which no longer. Returns how many changed."""
    rows = await connection.fetch(SLOWED, at - SLOW)
    await record(connection, [Draft("channel_changed", at, data={
        "channel": row["id"], "change": "slow", "to": "slow" if row["slow_since"] else "ok"}) for row in rows])
    return len(rows)


async def retry(connection: Connection, id: int, by: By) -> channel.Channel:
    """Listen anew and send what waits, now. Raises `NoChannel`."""
    row = await channel.lock(connection, id)
    # a listener from before this moment begins anew
    await connection.execute("update channel set retried_at = $2 where id = $1", id, by.at)
    # replies that wait for their next try; one that may still be taken back keeps its time
    await connection.execute("update message set send_after = $2 where channel_id = $1 and send_state = 'queued'"
                             " and send_tries > 0 and send_after > $2", id, by.at)
    await change.note(connection, by, "channel", id, row.name, {}, {"retried": by.at.isoformat()})
    await record(connection, [Draft("channel_changed", by.at, actor_id=by.account_id,
                                    data={"channel": id, "change": "retry"})])
    return row


# replies that wait are few: an index has only those
SLOWED = """
update channel c set slow_since = w.since from (
  select c.id, min(m.at) as since from channel c left join message m on m.channel_id = c.id and c.mode = 'live'
    and m.send_state = 'queued' and m.at < $1 where c.archived_at is null group by c.id) w
where w.id = c.id and (c.slow_since is null) <> (w.since is null) returning c.id, c.slow_since"""
