"""A resident in the live chat, by the chat's own entrance: begins, types, waits for an answer, says something to it,
and leaves; some do not wait long, and then nobody is there any more when an answer comes."""

from __future__ import annotations

import asyncio
import json
import random
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin

from connectors.chat import key
from newsroom import chat, delivery
from newsroom.database import Database
from newsroom.demo.mailbag import Item
from newsroom.demo.site import Answer, Site
from newsroom.demo.words import words

NAMED, MAILED = 0.75, 0.4  # of all, who say who they are, and where an answer may go
HASTY = 0.2  # of all, who hardly wait
PATIENCE, HURRY = (150.0, 420.0), (30.0, 70.0)  # seconds that somebody waits for an answer, at speed 1
FAREWELL = (15.0, 30.0)  # seconds that somebody stays after the last word
READ = (4.0, 12.0)  # seconds until somebody begins to type
A_SECOND = 9.0  # characters that somebody types
LONGEST_TYPING = 12.0  # seconds of one line
SAID = 3  # things that somebody says after the first
CLOSES = 0.6  # of all, who end the chat; others only close the page
AGAIN_SECONDS = 2.0  # after a line that did not reach the server
LINES = re.compile(r"(?<=[.?!])\s+")  # somebody presses Enter after a sentence

Known = Callable[[str, str], None]  # told what a colleague could say in the conversation with this reference


class Visitor:
    """One chat of one resident, on the channel with this id; `pace` times as fast as people are."""

    def __init__(self, database: Database, site: Site, channel_id: int, item: Item, pace: float, known: Known):
        self.database = database
        self.site = site.visited()
        self.channel_id = channel_id
        self.item = item
        self.pace = pace
        self.known = known
        self.chance = random.Random()
        self.reference = ""
        self._token = ""
        self._seen: set[int] = set()
        self._said = 0
        self._over = False  # nothing is left to say

    async def run(self) -> None:
        """From the first line to the last. Raises OSError when it cannot be begun."""
        name = self.item.letter.name.partition(" ")[0] if self.chance.random() < NAMED else ""
        email = self.item.letter.address if self.chance.random() < MAILED else ""
        begun = await self._ask("begin", {"name": name, "email": email, "page": "https://www.voorbeeldstad.example/"})
        if begun.status == 409:  # closed: a message can be left
            return await self._leave_word()
        if begun.status != 200:
            raise OSError(f"the chat did not begin: {begun.status}")
        self._token = str(begun.told["token"])
        patience = self._between(*(HURRY if self.chance.random() < HASTY else PATIENCE))
        try:
            await self._talk(patience)
        except (WebSocketException, OSError):
            return  # their line broke: they are gone, as people are
        if self.chance.random() < CLOSES:
            await self._ask("einde", {})

    async def _talk(self, patience: float) -> None:
        url = f"{self.site.socket}/chat/{self.channel_id}/live"
        async with connect(url, origin=Origin(self.site.origin), compression=None, proxy=None,
                           additional_headers={"X-Forwarded-For": self.site.resident}) as socket:
            await socket.send(json.dumps({"t": "hello", "token": self._token, "since": ""}))
            for number, text in enumerate(lines(self.item.letter.text)):
                await self._say(socket, text)
                if not number:
                    await self._introduce()
            waits = patience
            while (heard := await self._hear(socket, waits)) is not None:
                if heard:
                    await self._respond(socket, heard)
                    waits = self._between(*(FAREWELL if self._over else PATIENCE))

    async def _hear(self, socket: ClientConnection, seconds: float) -> str | None:
        """What a colleague said; empty: something else happened. None: nothing came for so long."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    frame = json.loads(await socket.recv())
                    new = [entry for entry in frame.get("e", ()) if not entry["line"] and entry["id"] not in self._seen]
                    if frame.get("t") == "lines" and new:
                        self._seen |= {entry["id"] for entry in new}
                        return " ".join(entry["text"] for entry in new)
        except TimeoutError:
            return None

    async def _respond(self, socket: ClientConnection, heard: str) -> None:
        if self._over or self._said >= SAID:
            self._over = True
            return
        self._said += 1
        back = words(heard, "open", self.chance, "chat")
        self._over = back.way == "thanks"
        await asyncio.sleep(self._between(*READ))
        await self._say(socket, back.text)
        self.known(self.reference, back.answer)

    async def _say(self, socket: ClientConnection, text: str) -> None:
        """Type it and send it, until the server has it."""
        await socket.send(json.dumps({"t": "types"}))
        await asyncio.sleep(min(len(text) / A_SECOND, LONGEST_TYPING) / self.pace)
        line = secrets.token_hex(16)
        while True:
            try:
                answer = await self.site.post(self._path("regel"), {"line": line, "text": text}, self._headers)
            except OSError:
                answer = Answer(503, "")
            if answer.status == 200:
                break
            if answer.status not in (429, 503):
                raise OSError(f"the line was refused: {answer.status}")
            await asyncio.sleep(float(answer.told.get("wait") or AGAIN_SECONDS))
        if not self.reference:
            await self._find(line)

    async def _introduce(self) -> None:
        """What a colleague could say is known by the reference, which visitors do not see."""
        if self.reference:
            self.known(self.reference, self.item.answer)

    async def _find(self, line: str) -> None:
        async with self.database.connection() as connection:
            visit = await chat.find(connection, self.channel_id, self._token, datetime.now(UTC))
            known = await delivery.known(connection, self.channel_id, key(visit.address, line)) if visit else None
        self.reference = known[0] if known else ""

    async def _leave_word(self) -> None:
        letter = self.item.letter
        given = {"line": secrets.token_hex(16), "text": letter.text, "name": letter.name, "email": letter.address}
        answer = await self.site.post(self._path("bericht"), given)
        self.reference = str(answer.told.get("reference", ""))
        await self._introduce()

    async def _ask(self, what: str, given: dict[str, Any]) -> Answer:
        return await self.site.post(self._path(what), json.dumps(given).encode(),
                                    {"Content-Type": "application/json", **self._headers})

    def _path(self, what: str) -> str:
        return f"/chat/{self.channel_id}/{what}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def _between(self, least: float, most: float) -> float:
        return self.chance.uniform(least, most) / self.pace


def lines(text: str) -> list[str]:
    """As somebody sends it who chats: a greeting and each sentence apart."""
    return [line for line in LINES.split(text.strip()) if line]
