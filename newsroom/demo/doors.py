"""Where messages of the demo come in while it runs: each channel's own receiving path."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors import Delivery, signature
from newsroom import channel, delivery, form
from newsroom.change import By
from newsroom.channel import Channel, Live
from newsroom.database import Database
from newsroom.demo.script import read
from newsroom.demo.source import Letter, hand_over
from newsroom.secret import Keys

FORM = "vraag"  # the address of the form
POST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Doors:
    """The parts of the house that messages come in by. `port` is where its pages are served on this machine; `answers`
    keeps by reference what a colleague would answer to what came in."""

    database: Database
    writer: delivery.Writer
    channels: Live
    keys: Keys
    bell: Callable[[], None]
    port: int
    answers: dict[str, str] = field(default_factory=dict)

    async def bring(self, via: str, letter: Letter, at: datetime) -> str:
        """One message over a channel of town.toml. Returns its reference; empty when that channel is gone, paused, or
        takes no messages now."""
        async with self.database.connection() as connection:
            rows = await channel.every(connection)
        row = _named(rows, via)
        if row is None or row.mode == "paused":
            return ""
        match row.kind:
            case "web_form":
                return await self._fill_in(letter, at)
            case "desk":
                item = hand_over("desk", f"desk:{time.time_ns()}", letter, "", at)
                return (await self.writer.put(row.id, item)).reference
            case "webhook":
                return await self._push(row, letter, at)
        return await self.fetch(row, letter, at)

    async def fetch(self, row: Channel, letter: Letter, at: datetime) -> str:
        """As a listener does with what it finds at the source: stored and noted in one transaction."""
        item = hand_over(row.kind, _key(), letter, row.address, at)
        async with self.database.transaction() as connection:
            receipt, = await delivery.store(connection, [(row.id, item)])
            # the channel's last sign of life
            await connection.execute("update channel set last_in_at = $2 where id = $1", row.id, at)
        self.bell()
        return receipt.reference

    async def write_back(self, channel_id: int, letter: Letter, at: datetime) -> str:
        """Somebody answers a reply that went out over this channel."""
        async with self.database.connection() as connection:
            row = await channel.get(connection, channel_id)
        return await (self._push if row.kind == "webhook" else self.fetch)(row, letter, at)

    async def _fill_in(self, letter: Letter, at: datetime) -> str:
        """As the public form hands over what was filled in."""
        async with self.database.connection() as connection:
            served = await form.find(connection, FORM)
        if served is None:
            return ""  # taken off the site
        item = hand_over("web_form", _key(), letter, "", at, served.form)
        return (await self.writer.put(served.form.channel_id, item)).reference

    async def _push(self, row: Channel, letter: Letter, at: datetime) -> str:
        """As another system does: a signed POST to the channel's own address."""
        item = hand_over("webhook", _key(), letter, "", at)
        headers = signature.sign([await self._secret(row)], item.key, datetime.now(UTC), item.body)
        return await asyncio.to_thread(_post, self.port, f"/ontvangst/{row.id}", item, headers)

    async def _secret(self, row: Channel) -> bytes:
        """What the other system signs with; made the first time, as an administrator does."""
        known = channel.secrets_of(row, self.keys).get("secret")
        if known:
            return signature.key(known.value)
        made = secrets.token_urlsafe(32)
        async with self.database.transaction() as connection:
            await channel.update(connection, self.keys, self.channels.kind(row.kind), row, {"secret": made},
                                 By(None, datetime.now(UTC)))
        return signature.key(made)


def _named(rows: list[Channel], via: str) -> Channel | None:
    """The channel by its name, else another of its kind: an administrator may have given it another name."""
    plan = read("town.toml")["channels"][via]
    alike = [row for row in rows if row.kind == plan["kind"]]
    return next((row for row in alike if row.name == plan["name"]), alike[0] if alike else None)


def _key() -> str:
    return f"demo/{time.time_ns()}"


def _post(port: int, path: str, item: Delivery, headers: dict[str, str]) -> str:
    """Raises OSError when it was not taken."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=POST_SECONDS)
    try:
        line.request("POST", path, item.body, {"Content-Type": item.content_type, **headers})
        answer = line.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no answer: {error}") from error
    finally:
        line.close()
    if answer.status != 200:
        raise OSError(f"refused: {answer.status}")
    try:
        return str(json.loads(text)["reference"])
    except (ValueError, KeyError) as error:
        raise OSError("a strange answer") from error
