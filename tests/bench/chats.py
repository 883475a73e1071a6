"""Live chat: from a line that a visitor sends until a colleague's board has it, with many chats open."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from newsroom import chat
from newsroom.web import limits
from tests.bench.figure import Figure, cost, percentile
from tests.bench.place import Place
from tests.browser.town import Town, town
from tests.web.chats import Visitor, add_chat

OPEN, LINES, PACE = 200, 600, 20.0  # chats, lines in all, lines a second
QUICK = 10, 20, 20.0
GOAL_MS = {50: 50, 99: 150}  # what feels like at once; goals, not limits


async def run(place: Place, quick: bool) -> list[Figure]:
    """Visitors, house and colleague share this process, so the figures are no better than in use."""
    size, lines, pace = QUICK if quick else (OPEN, LINES, PACE)
    made, sockets, limits.CHAT_SOCKETS = await place.fresh(), limits.CHAT_SOCKETS, ()  # all from one address here
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with town(made, Path(folder), seeded=False) as here:
                times = await measure(here, size, lines, pace)
    finally:
        limits.CHAT_SOCKETS = sockets
        await place.drop(made)
    return [cost(f"chat line typed -> seen by staff, p{percent}, {size} open chats", percentile(times, percent), goal)
            for percent, goal in GOAL_MS.items()]


async def measure(here: Town, size: int, lines: int, pace: float) -> list[float]:
    """Milliseconds of each line."""
    channel, seen = await add_chat(here), {}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)))
        visitors = [await _open(stack, here, channel, client) for _ in range(size)]
        headers = {"Cookie": "=".join(await here.token("Sanne Vos")), "Origin": here.url}
        board = await stack.enter_async_context(client.ws_connect(f"{here.url}/live", headers=headers))
        listening = asyncio.create_task(_listen(board, seen))
        sent: dict[str, float] = {}

        async def say(number: int) -> None:
            mark = secrets.token_hex(8)
            sent[mark] = time.perf_counter()
            assert (await visitors[number % size].say(f"Regel {mark}"))[0] == 200

        start, saying = time.perf_counter(), []
        for number in range(lines):
            await asyncio.sleep(max(0.0, start + number / pace - time.perf_counter()))
            saying.append(asyncio.create_task(say(number)))
        await asyncio.gather(*saying)
        async with asyncio.timeout(30):
            while not sent.keys() <= seen.keys():
                await asyncio.sleep(0.05)
        listening.cancel()
    return [(seen[mark] - at) * 1000 for mark, at in sent.items()]


async def _open(stack: AsyncExitStack, here: Town, channel: int, client: aiohttp.ClientSession) -> Visitor:
    visitor = Visitor(here, channel, client)
    async with here.database.transaction() as connection:
        _, visitor.token = await chat.begin(connection, channel, datetime.now(UTC), "nl")
    await visitor.hello(await stack.enter_async_context(visitor.open()))
    return visitor


async def _listen(board: aiohttp.ClientWebSocketResponse, seen: dict[str, float]) -> None:
    """When each mark first stood on a card."""
    async for frame in board:
        at, data = time.perf_counter(), json.loads(frame.data)
        for entry in data.get("e", ()) if data["t"] == "b" else ():
            _, found, rest = entry.get("h", "").partition("Regel ")
            if found:
                seen.setdefault(rest[:16], at)
