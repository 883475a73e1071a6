"""A house with a chat, and visitors who talk as the panel does: by POST, and over a socket."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

import aiohttp

from newsroom import conversation
from newsroom.conversation import Conversation
from tests.browser.town import Town

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


async def add_chat(place: Town, name: str = "Livechat", mode: str = "live", hours: int | None = None,
                   **settings: Any) -> int:
    """A chat channel; answered by mail from the mailbox when its visitor is gone."""
    async with place.database.transaction() as connection:
        return await connection.fetchval(
            "insert into channel (kind, name, mode, settings, hours_id) values ('chat', $1, $2, $3, $4) returning id",
            name, mode, {"reply_channel": "E-mail", **settings}, hours)


class Visitor:
    """One panel. `lines` are the entries it has, by the id that makes each come once."""

    def __init__(self, place: Town, channel: int, client: aiohttp.ClientSession):
        self.place, self.client, self.base = place, client, f"{place.url}/chat/{channel}"
        self.token, self.position = "", ""
        self.lines: dict[str, dict] = {}
        self.frames: list[dict] = []

    @property
    def headers(self) -> dict[str, str]:
        return {"Origin": self.place.url, "Sec-Fetch-Site": "same-origin"} | \
            ({"Authorization": f"Bearer {self.token}"} if self.token else {})

    async def ask(self, path: str, body: Any = None, method: str = "POST") -> tuple[int, dict]:
        more = {"json": body} if isinstance(body, dict) else {"data": body}
        async with self.client.request(method, f"{self.base}/{path}", headers=self.headers, **more) as answer:
            text = (await answer.read()).decode(errors="replace")
            return answer.status, json.loads(text) if answer.content_type == "application/json" else {"text": text}

    async def begin(self, **more: str) -> tuple[int, dict]:
        status, told = await self.ask("begin", more)
        self.token = told.get("token", "")
        return status, told

    async def say(self, text: str, line: str = "", files: tuple = (), path: str = "regel",
                  **more: str) -> tuple[int, dict]:
        form = aiohttp.FormData({"line": line or secrets.token_hex(16), "text": text, **more})
        form.add_field("meer", "")  # a file field or not: always multipart
        for name, content in files:
            form.add_field("files", content, filename=name)
        form._is_multipart = True
        return await self.ask(path, form)

    def open(self, **more: Any):
        return self.client.ws_connect(f"{self.base}/live", headers={"Origin": self.place.url}, **more)

    async def hello(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_str(json.dumps({"t": "hello", "token": self.token, "since": self.position}))

    async def until(self, socket: aiohttp.ClientWebSocketResponse, done: Callable[[], Any]) -> None:
        """Take frames as the panel does, until something holds."""
        async with asyncio.timeout(15):
            while not done():
                frame = await socket.receive()
                assert frame.type is aiohttp.WSMsgType.TEXT, (frame.type, socket.close_code)
                self.take(json.loads(frame.data))

    def take(self, data: dict) -> None:
        self.frames.append(data)
        if data["t"] == "hello":
            self.epoch = data["epoch"]
        if data["t"] == "lines":
            self.position = f"{self.epoch}.{data['to']}"
            for entry in data["e"]:
                self.lines[entry["line"] or str(entry["id"])] = entry

    def texts(self) -> list[str]:
        return [entry["text"] for entry in sorted(self.lines.values(), key=lambda one: (one["at"], one["id"]))]


async def conversation_of(place: Town, text: str) -> Conversation:
    """The conversation that holds a line, when it is there."""
    async with asyncio.timeout(15):
        while True:
            async with place.database.connection() as connection:
                id = await connection.fetchval("select conversation_id from message where body = $1", text)
                if id:
                    return (await conversation.load(connection, [id]))[id]
            await asyncio.sleep(0.02)


class Colleague:
    """Somebody of the staff, signed in."""

    def __init__(self, place: Town, client: aiohttp.ClientSession, cookie: str):
        self.place, self.client = place, client
        self.headers = {"Cookie": cookie, "Origin": place.url, "Accept": "application/json"}

    async def page(self, row: Conversation) -> str:
        headers = {**self.headers, "Accept": "text/html"}
        async with self.client.get(f"{self.place.url}/gesprek/{row.reference}", headers=headers) as answer:
            assert answer.status == 200
            return await answer.text()

    async def post(self, row: Conversation, path: str, files: tuple = (), **fields: str) -> tuple[int, dict]:
        form = aiohttp.FormData({"client_id": secrets.token_hex(12), **fields})
        for name, content in files:
            form.add_field("files", content, filename=name)
        form._is_multipart = True
        url = f"{self.place.url}/gesprek/{row.reference}/{path}"
        async with self.client.post(url, data=form, headers=self.headers) as answer:
            return answer.status, await answer.json()

    async def answer(self, row: Conversation, text: str, files: tuple = (), **fields: str) -> tuple[int, dict]:
        return await self.post(row, "antwoord", files, text=text, **fields)
