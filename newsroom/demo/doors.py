"""Where messages of the demo come in while it runs: each channel's own receiving path.

The form, the chat and what other systems push come over HTTP, by the pages that residents use. A mailbox and Mastodon
have no server here: what they would bring is handed over as their listener does with what it finds at the source.
"""

from __future__ import annotations

import asyncio
import html
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors import signature
from newsroom import channel, delivery, form
from newsroom.change import By
from newsroom.channel import Channel, Live
from newsroom.database import Database
from newsroom.demo import post
from newsroom.demo.letter import Letter
from newsroom.demo.mailbag import Item
from newsroom.demo.script import read
from newsroom.demo.site import Site
from newsroom.demo.source import hand_over
from newsroom.demo.visitor import Visitor
from newsroom.secret import Keys

FILLING_IN = 4.0  # seconds; who is faster is no person, see limits.PATIENCE_SECONDS
STATE = re.compile(r'name="staat" value="([^"]*)"')  # what a page of a form carries on
NUMBER = re.compile(r'class="nr">(\w+)')  # the reference on its receipt


@dataclass(frozen=True, slots=True)
class Doors:
    """The parts of the house that messages come in by. `answers` keeps by reference what a colleague could say to what
    came in last; empty: nothing needs to be said."""

    database: Database
    writer: delivery.Writer
    channels: Live
    keys: Keys
    bell: Callable[[], None]
    site: Site
    answers: dict[str, str] = field(default_factory=dict)

    async def bring(self, item: Item, pace: float = 1.0) -> str:
        """One message over a channel of town.toml, a chat from its beginning to its end. Returns its reference; empty
        when that channel is gone, paused, or takes no messages now. Raises OSError when it did not get through."""
        async with self.database.connection() as connection:
            rows = await channel.every(connection)
        row = _named(rows, item.via)
        if row is None or row.mode == "paused":
            return ""
        if row.kind == "chat":
            visitor = Visitor(self.database, self.site, row.id, item, pace, self.answers.__setitem__)
            await visitor.run()
            return visitor.reference
        reference = await self._hand_in(row, item)
        if reference and item.answer:
            self.answers[reference] = item.answer
        return reference

    async def write_back(self, channel_id: int, letter: Letter, at: datetime) -> str:
        """Somebody answers a reply that went out over this channel."""
        async with self.database.connection() as connection:
            row = await channel.get(connection, channel_id)
        return await (self._push if row.kind == "webhook" else self._fetch)(row, _key(), letter, at)

    async def _hand_in(self, row: Channel, item: Item) -> str:
        match row.kind:
            case "web_form":
                return await self._fill_in(row, item.letter)
            case "desk":
                made = hand_over("desk", f"desk:{item.key}", item.letter, "", item.at)
                return (await self.writer.put(row.id, made)).reference
            case "webhook":
                return await self._push(row, item.key, item.letter, item.at)
        return await self._fetch(row, item.key, item.letter, item.at)

    async def _fetch(self, row: Channel, key: str, letter: Letter, at: datetime) -> str:
        """As a listener does with what it finds at the source: stored and noted in one transaction."""
        item = hand_over(row.kind, key, letter, row.address, at)
        async with self.database.transaction() as connection:
            receipt, = await delivery.store(connection, [(row.id, item)])
            # the channel's last sign of life
            await connection.execute("update channel set last_in_at = $2 where id = $1", row.id, at)
        self.bell()
        return receipt.reference

    async def _fill_in(self, row: Channel, letter: Letter) -> str:
        """As somebody does who fills in the form, page by page."""
        async with self.database.connection() as connection:
            served = next((one for one in await form.every(connection) if one.published and one.channel_id == row.id),
                          None)
        if served is None:
            return ""  # taken off the site
        site, path = self.site.visited(), f"/formulier/{served.slug}"
        answers = {f"a-{name}": text for name, text in post.given(letter).items()}
        page = await site.get(path)
        for step in range(1, len(served.steps) + 2):
            await asyncio.sleep(FILLING_IN / len(served.steps))
            state = STATE.search(page.text)
            if page.status >= 500:
                raise OSError(f"the form is away: {page.status}")
            if page.status != 200 or state is None:
                return ""  # an administrator changed or closed it
            verb = "verder" if step <= len(served.steps) else "verstuur"
            page = await site.post(path, {"staat": html.unescape(state[1]), "stap": str(step), "doe": verb, **answers})
        number = NUMBER.search(page.text)
        return number[1] if number else ""

    async def _push(self, row: Channel, key: str, letter: Letter, at: datetime) -> str:
        """As another system does: a signed POST to the channel's own address."""
        item = hand_over("webhook", key, letter, "", at)
        headers = signature.sign([await self._secret(row)], item.key, datetime.now(UTC), item.body)
        answer = await self.site.post(f"/ontvangst/{row.id}", item.body, {"Content-Type": item.content_type, **headers})
        if answer.status != 200:
            raise OSError(f"refused: {answer.status}")
        return str(answer.told.get("reference", ""))

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
    return f"demo/{secrets.token_hex(8)}"
