"""Kanalen: what there is and whether it works. Never a setting or a credential."""

from __future__ import annotations

from newsroom import channel, team
from newsroom.channel import Channel, NoChannel
from newsroom.web.api import models
from newsroom.web.api.frame import Call, Operation, serve
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    serve(add, "GET", "/kanalen", Operation("channels", "List channels", show_all, "channels", models.Channels))
    serve(add, "GET", r"/kanalen/{id:\d{1,9}}", Operation("channel", "One channel", show, "channels", models.Channel,
                                                          problems=(400, 401, 403, 404, 503)))


async def show_all(call: Call) -> models.Channels:
    return models.Channels(results=await _read(call))


async def show(call: Call) -> models.Channel:
    found = next((one for one in await _read(call) if one.id == int(call.path("id"))), None)
    if found is None:
        raise NoChannel
    return found


async def _read(call: Call) -> list[models.Channel]:
    call.sight  # noqa: B018 - raises for who reads no messages
    async with call.database.snapshot() as connection:
        teams = {one.id: one.name for one in await team.every(connection)}
        return [_model(row, teams) for row in await channel.every(connection)]


def _model(row: Channel, teams: dict[int, str]) -> models.Channel:
    return models.Channel(id=row.id, kind=row.kind, name=row.name, address=row.address, mode=row.mode,
                          team=teams.get(row.team_id or 0), health=row.health, health_since=row.health_since,
                          last_in_at=row.last_in_at, last_out_at=row.last_out_at)
