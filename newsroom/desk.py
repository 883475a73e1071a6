"""The desk's channels: telephone, counter and post, there from the first start."""

from __future__ import annotations

from dataclasses import dataclass

from newsroom import channel, setting
from newsroom.channel import Channel
from newsroom.database import Connection

KIND = "desk"
FIRST = (("phone", "Telefoon"), ("counter", "Balie"), ("post", "Post"))
MADE = "desk_channels"  # the setting that tells that they were made: whoever archives one keeps it so


@dataclass(frozen=True, slots=True)
class DeskChannel:
    """A channel that colleagues enter for. `medium` is phone, counter or post."""

    id: int
    name: str
    medium: str
    team_id: int | None


async def prepare(connection: Connection) -> None:
    """Make the three channels, once."""
    if await setting.read(connection, MADE):
        return
    # several processes may start at once; a name that is taken is left alone
    await connection.executemany("insert into channel (kind, name, settings, health) values ($1, $2, $3, 'ok')"
                                 " on conflict (name) do nothing",
                                 [(KIND, name, {"medium": medium}) for medium, name in FIRST])
    await setting.write(connection, MADE, True)


async def channels(connection: Connection) -> list[DeskChannel]:
    """Those in use: telephone, counter, post, then by name."""
    # what can be chosen
    rows = await connection.fetch("select id, name, coalesce(settings ->> 'medium', 'phone') as medium, team_id"
                                  " from channel where kind = $1 and archived_at is null"
                                  " order by lower(name), id", KIND)
    media = [medium for medium, _ in FIRST]
    found = [DeskChannel(**row) for row in rows]
    return sorted(found, key=lambda one: media.index(one.medium) if one.medium in media else len(media))


async def mailbox(connection: Connection, team_id: int | None) -> Channel:
    """The mailbox that answers where none was chosen: the team's own, else the first. Raises `NoChannel`."""
    # only one that can send
    id = await connection.fetchval(
        "select id from channel where kind = 'email' and mode = 'live' and archived_at is null"
        " order by (team_id = $1) is not true, team_id is not null, id limit 1", team_id)
    return await channel.get(connection, id)
